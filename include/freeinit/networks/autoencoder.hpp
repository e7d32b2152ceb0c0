#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/networks/network_source.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace freeinit::inline FREEINIT_ABI {

/// The per-frame autoencoder between pixels and latents.
class FREEINIT_API Autoencoder {
 public:
  virtual ~Autoencoder() = default;

  /// `latents` [N,C,h,w] as sampled (scaled), any device -> pixels [N,3,H,W], not clamped, about
  /// -1..1. Throws Error: invalid_argument, model.
  [[nodiscard]] virtual at::Tensor decode(const at::Tensor& latents) const = 0;

  /// `images` [N,3,H,W] in -1..1, any device -> mean of the posterior, scaled like sampled latents
  /// [N,C,h,w]. Throws Error: unsupported when the bundle has no encoder, invalid_argument, model.
  [[nodiscard]] virtual at::Tensor encode(const at::Tensor& images) const = 0;

  /// What the manifest says of it: files, dtype, channels, scale.
  [[nodiscard]] virtual const AutoencoderSpec& spec() const noexcept = 0;

  /// Gives back memory that the next call would load again; see BundleOptions::low_memory.
  virtual void release() const noexcept {}
};

/// Loads the TorchScript decoder from the folder `source.file`, and the encoder, if the spec names
/// one, in the first call of `encode`, which then throws what is wrong with that file. Throws
/// Error: as `load_torchscript_text_encoder`.
[[nodiscard]] FREEINIT_API std::unique_ptr<const Autoencoder> load_torchscript_autoencoder(
    const NetworkSource& source, const AutoencoderSpec& spec);

/// Frames of so many pixels that decoder and encoder see at once where nobody says: as many as have
/// 65,536 pixels together, at most 16, at least one. On a CPU more of them cost memory and save no
/// time. The number does not depend on the machine, since networks round differently in batches of
/// another size (about 1e-6).
[[nodiscard]] FREEINIT_API std::int64_t default_chunk_size(std::int64_t height,
                                                           std::int64_t width) noexcept;

/// Decodes latents [B,C,F,h,w] in chunks of `chunk_size` frames to frames [B,F,H,W,3], float32 in
/// 0..1, on the CPU; memory of the decoder stays bounded by the chunk. Chunks never span two
/// videos, so that a video is the same alone and in a batch. Reports Phase::decode, counting frames
/// of all videos. Throws Error: invalid_argument, model, cancelled.
[[nodiscard]] FREEINIT_API at::Tensor decode_video(const Autoencoder& autoencoder,
                                                   const at::Tensor& latents,
                                                   std::optional<std::int64_t> chunk_size = {},
                                                   const RunControl& control = {});

/// Frames [n,H,W,3] of video `video` from frame `first` on, float32 in 0..1, on the CPU.
using FrameConsumer =
    std::function<void(std::int64_t video, std::int64_t first, const at::Tensor& frames)>;

/// As `decode_video`, but each chunk goes to `sink` and is not kept: memory does not grow with the
/// length of the video. A token that has ended the sampling is still pressed: leave it out to
/// decode what the last complete pass left. Throws Error: invalid_argument (`sink` is empty, too).
FREEINIT_API void decode_video_to(const Autoencoder& autoencoder, const at::Tensor& latents,
                                  std::optional<std::int64_t> chunk_size, const FrameConsumer& sink,
                                  const RunControl& control = {});

/// Encodes frames [B,F,H,W,3] (0..1, any dtype and device) to latents [B,C,F,h,w], float32 on the
/// autoencoder's device, in chunks of frames. Reports Phase::encode, counting frames of all videos.
/// Throws Error: invalid_argument, unsupported (no encoder), model, cancelled.
[[nodiscard]] FREEINIT_API at::Tensor encode_video(const Autoencoder& autoencoder,
                                                   const at::Tensor& frames,
                                                   std::optional<std::int64_t> chunk_size = {},
                                                   const RunControl& control = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/autoencoder_inl.hpp>
#endif
