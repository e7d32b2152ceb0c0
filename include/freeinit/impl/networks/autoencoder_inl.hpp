#pragma once

#include <freeinit/impl/networks/late_network_inl.hpp>
#include <freeinit/impl/networks/torchscript_module_inl.hpp>
#include <freeinit/networks/autoencoder.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/isnan.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

class TorchScriptAutoencoder final : public Autoencoder {
 public:
  /// `load_encoder` is called when a video is first encoded, which few runs do.
  TorchScriptAutoencoder(TorchScriptModule decoder,
                         LateNetwork<TorchScriptModule>::Loader load_encoder, AutoencoderSpec spec)
      : decoder_(std::move(decoder)), encoder_(std::move(load_encoder)), spec_(std::move(spec)) {}

  [[nodiscard]] at::Tensor decode(const at::Tensor& latents) const override {
    if (latents.dim() != 4 || latents.size(1) != spec_.latent_channels) {
      raise(ErrorCode::invalid_argument, c10::str("latents ", latents.sizes(), ": expected [N, ",
                                                  spec_.latent_channels, ", height, width]"));
    }
    // A product with the reciprocal, as diffusers does it: a division rounds differently.
    const at::Tensor z =
        latents.to(decoder_.device(), decoder_.dtype()).mul(1.0 / spec_.scaling_factor);
    const at::Tensor pixels = decoder_({z});
    check_network_output(decoder_, pixels,
                         {latents.size(0), 3, latents.size(2) * spec_.spatial_scale,
                          latents.size(3) * spec_.spatial_scale});
    return pixels;
  }

  [[nodiscard]] at::Tensor encode(const at::Tensor& images) const override {
    if (spec_.encoder_file.empty()) {
      raise(ErrorCode::unsupported,
            "bundle: has no vae encoder, so videos cannot be read into it; "
            "export the model with its encoder");
    }
    const std::int64_t scale = spec_.spatial_scale;
    if (images.dim() != 4 || images.size(1) != 3 || images.size(2) % scale != 0 ||
        images.size(3) % scale != 0) {
      raise(ErrorCode::invalid_argument,
            c10::str("images ", images.sizes(),
                     ": expected [N, 3, height, width] with sizes that are multiples of ", scale));
    }
    const auto encoder = encoder_.get();
    const at::Tensor moments = (*encoder)({images.to(encoder->device(), encoder->dtype())});
    check_network_output(*encoder, moments,
                         {images.size(0), 2 * spec_.latent_channels, images.size(2) / scale,
                          images.size(3) / scale});
    return moments.narrow(1, 0, spec_.latent_channels).mul(spec_.scaling_factor);
  }

  [[nodiscard]] const AutoencoderSpec& spec() const noexcept override { return spec_; }

 private:
  TorchScriptModule decoder_;
  LateNetwork<TorchScriptModule> encoder_;
  AutoencoderSpec spec_;
};

/// What is asked for, or the default for frames of height x width.
FREEINIT_INLINE std::int64_t checked_chunk_size(std::optional<std::int64_t> asked,
                                                std::int64_t height, std::int64_t width) {
  const std::int64_t chunk_size = asked ? *asked : default_chunk_size(height, width);
  if (chunk_size >= 1) return chunk_size;
  raise(ErrorCode::invalid_argument,
        c10::str("chunk size ", chunk_size, ": expected 1 or more frames"));
}

FREEINIT_INLINE void check_video_latents(const AutoencoderSpec& spec, const at::Tensor& latents) {
  if (latents.dim() == 5 && latents.size(1) == spec.latent_channels) return;
  raise(ErrorCode::invalid_argument, c10::str("latents ", latents.sizes(), ": expected [B, ",
                                              spec.latent_channels, ", F, height, width]"));
}

/// Latents [C,F,h,w] of one video, frames `first` .. `first + count` -> frames [count,H,W,3], 0..1,
/// on the CPU.
FREEINIT_INLINE at::Tensor decode_chunk(const Autoencoder& autoencoder, const at::Tensor& video,
                                        std::int64_t first, std::int64_t count) {
  const at::Tensor z = video.narrow(1, first, count).permute({1, 0, 2, 3}).contiguous();
  const at::Tensor pixels = autoencoder.decode(z).to(at::kFloat);
  const at::Tensor frames = pixels.mul(0.5).add(0.5).clamp(0, 1).permute({0, 2, 3, 1}).to(at::kCPU);
  if (at::isnan(frames).any().item<bool>()) {  // clamp leaves them, a writer makes them black
    raise(ErrorCode::model,
          c10::str("decoding: frames from ", first, " on hold NaN after a decoder in ",
                   autoencoder.spec().dtype, "; expected finite numbers"));
  }
  return frames;
}

}  // namespace detail

FREEINIT_INLINE std::unique_ptr<const Autoencoder> load_torchscript_autoencoder(
    const NetworkSource& source, const AutoencoderSpec& spec) {
  const auto load = [source, dtype = spec.dtype](const std::string& name, std::string_view input) {
    NetworkSource network = source;
    network.file /= name;
    return detail::TorchScriptModule({.source = network, .inputs = {input}, .dtype = dtype});
  };
  // Absolute: by the time it is read, the process may be in another folder.
  auto load_encoder = [load, file = std::filesystem::absolute(source.file / spec.encoder_file)] {
    return std::make_unique<const detail::TorchScriptModule>(load(file.string(), "images"));
  };
  return std::make_unique<const detail::TorchScriptAutoencoder>(load(spec.decoder_file, "latents"),
                                                                std::move(load_encoder), spec);
}

FREEINIT_INLINE std::int64_t default_chunk_size(std::int64_t height, std::int64_t width) noexcept {
  constexpr std::int64_t kPixels = 65536;
  return std::clamp<std::int64_t>(kPixels / std::max<std::int64_t>(height * width, 1), 1, 16);
}

FREEINIT_INLINE void decode_video_to(const Autoencoder& autoencoder, const at::Tensor& latents,
                                     std::optional<std::int64_t> asked, const FrameConsumer& sink,
                                     const RunControl& control) {
  if (!sink)
    raise(ErrorCode::invalid_argument, "sink: empty function; expected one for the frames");
  const AutoencoderSpec& spec = autoencoder.spec();
  detail::check_video_latents(spec, latents);
  const std::int64_t chunk_size = detail::checked_chunk_size(
      asked, latents.size(3) * spec.spatial_scale, latents.size(4) * spec.spatial_scale);
  const std::int64_t num_videos = latents.size(0);
  const std::int64_t num_frames = latents.size(2);
  // Chunks never span two videos: a video's bits must not depend on its neighbours in the batch.
  for (std::int64_t video = 0; video < num_videos; ++video) {
    for (std::int64_t first = 0; first < num_frames; first += chunk_size) {
      if (control.stop.stop_requested()) raise(ErrorCode::cancelled, "decoding: stopped");
      const std::int64_t count = std::min(chunk_size, num_frames - first);
      const at::Tensor frames =
          detail::decode_chunk(autoencoder, latents.select(0, video), first, count);
      control.report({.phase = Phase::decode,
                      .step = static_cast<int>(video * num_frames + first + count),
                      .num_steps = static_cast<int>(num_videos * num_frames)});
      sink(video, first, frames);
    }
  }
}

FREEINIT_INLINE at::Tensor decode_video(const Autoencoder& autoencoder, const at::Tensor& latents,
                                        std::optional<std::int64_t> chunk_size,
                                        const RunControl& control) {
  const AutoencoderSpec& spec = autoencoder.spec();
  detail::check_video_latents(spec, latents);
  const at::Tensor frames =
      at::empty({latents.size(0), latents.size(2), latents.size(3) * spec.spatial_scale,
                 latents.size(4) * spec.spatial_scale, 3},
                at::kFloat);
  decode_video_to(
      autoencoder, latents, chunk_size,
      [&](std::int64_t video, std::int64_t first, const at::Tensor& chunk) {
        frames.select(0, video).narrow(0, first, chunk.size(0)).copy_(chunk);
      },
      control);
  return frames;
}

FREEINIT_INLINE at::Tensor encode_video(const Autoencoder& autoencoder, const at::Tensor& frames,
                                        std::optional<std::int64_t> asked,
                                        const RunControl& control) {
  const AutoencoderSpec& spec = autoencoder.spec();
  const std::int64_t scale = spec.spatial_scale;
  if (frames.dim() != 5 || frames.size(4) != 3 || frames.numel() == 0 ||
      frames.size(2) % scale != 0 || frames.size(3) % scale != 0) {
    raise(ErrorCode::invalid_argument,
          c10::str("frames ", frames.sizes(),
                   ": expected [B, F, height, width, 3] with sizes that are multiples of ", scale));
  }
  const std::int64_t chunk_size = detail::checked_chunk_size(asked, frames.size(2), frames.size(3));
  const std::int64_t num_frames = frames.size(1);
  at::Tensor latents;  // made with the first chunk, on the device where the encoder leaves it
  for (std::int64_t video = 0; video < frames.size(0); ++video) {
    for (std::int64_t first = 0; first < num_frames; first += chunk_size) {
      if (control.stop.stop_requested()) raise(ErrorCode::cancelled, "encoding: stopped");
      const std::int64_t count = std::min(chunk_size, num_frames - first);
      const at::Tensor images = frames.select(0, video).narrow(0, first, count);
      const at::Tensor chunk = autoencoder.encode(
          images.permute({0, 3, 1, 2}).to(at::kFloat).mul(2.0).sub(1.0));  // [count,C,h,w]
      if (!latents.defined()) {
        latents = at::empty({frames.size(0), spec.latent_channels, num_frames,
                             frames.size(2) / scale, frames.size(3) / scale},
                            chunk.options().dtype(at::kFloat));
      }
      latents.select(0, video).narrow(1, first, count).copy_(chunk.permute({1, 0, 2, 3}));
      control.report({.phase = Phase::encode,
                      .step = static_cast<int>(video * num_frames + first + count),
                      .num_steps = static_cast<int>(frames.size(0) * num_frames)});
    }
  }
  return latents;
}

}  // namespace freeinit::inline FREEINIT_ABI
