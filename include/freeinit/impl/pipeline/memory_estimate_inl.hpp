#pragma once

#include <freeinit/core/saturated.hpp>
#include <freeinit/impl/networks/mapped_weights_inl.hpp>
#include <freeinit/impl/networks/unet_call_inl.hpp>
#include <freeinit/impl/pipeline/request_check_inl.hpp>
#include <freeinit/networks/autoencoder.hpp>
#include <freeinit/networks/backends/unet_backend.hpp>
#include <freeinit/pipeline/memory_estimate.hpp>

#include <algorithm>
#include <filesystem>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE Saturated share_of(Saturated bytes, double share) {
  constexpr double kMost = 0x1p62;  // fits a number of bytes
  return static_cast<std::int64_t>(std::min(static_cast<double>(bytes.value()) * share, kMost));
}

/// What a call takes beside the weights.
FREEINIT_INLINE Saturated bytes_of_call(const MemorySpec& network, Saturated latents) {
  return network.call + network.per_latent * latents;
}

/// The same, and the heap with it.
FREEINIT_INLINE Saturated with_waste(Saturated call, const HeapOverhead& heap) {
  return call + std::min(share_of(call, heap.waste).value(), heap.most_waste);
}

/// The weights of a network in `file`. Where that is mapped, they are in memory as it holds them:
/// float16 stays.
FREEINIT_INLINE std::int64_t weights_of(const Manifest& manifest, const char* network,
                                        const std::string& file, at::Device device) {
  const std::int64_t wide = manifest.memory.at(network).weights;
  const auto listed = manifest.files.find(file);
  if (listed == manifest.files.end() || !is_mapped_on(device, listed->second.bytes)) return wide;
  return std::min(wide, static_cast<std::int64_t>(listed->second.bytes));
}

/// The weights of the UNet as the backend keeps them. What it has in a file of its own it keeps as
/// that holds it, OpenVINO's beside the graph; one that the bundle lacks is refused later.
FREEINIT_INLINE std::int64_t unet_weights(const Manifest& manifest, const UNetBackend& backend,
                                          at::Device device) {
  if (!backend.has_own_file()) return weights_of(manifest, "unet", manifest.unet.file, device);
  const auto own = manifest.unet_backends.find(std::string(backend.name));
  if (backend.weights == WeightStorage::as_exported || own == manifest.unet_backends.end()) {
    return manifest.memory.at("unet").weights;
  }
  std::filesystem::path file = own->second.file;
  if (backend.runtime == Runtime::openvino) file.replace_extension(".bin");
  const auto listed = manifest.files.find(file.generic_string());
  if (listed == manifest.files.end()) return manifest.memory.at("unet").weights;
  return static_cast<std::int64_t>(listed->second.bytes);
}

/// What Winograd's convolutions transform in: little beside large weights, and the same for any
/// size.
FREEINIT_INLINE std::int64_t workspace_of(const UNetBackend& backend) {
  return backend.convolutions == nullptr ? 0 : std::int64_t{90} << 20;
}

/// Latent positions that the UNet sees at once: of one window, with and without the text. A feature
/// cache keeps what is of the whole batch.
FREEINIT_INLINE Saturated latents_of_call(const GenerationRequest& request,
                                          const Manifest& manifest, at::Device device) {
  const LatentShape shape = latent_shape(request, manifest);
  const auto context = context_of(request, manifest);
  const std::int64_t frames = context ? *context->length : shape.frames;
  const Saturated sample = Saturated(frames) * shape.height * shape.width;
  if (request.guidance_scale <= 1.0) return sample;
  const Saturated both = 2 * sample;
  return request.cache_interval <= 1 && is_large_batch(both.value(), device) ? sample : both;
}

/// Latent positions that the autoencoder sees at once: a chunk of frames, or of tiles.
FREEINIT_INLINE Saturated latents_of_chunk(const GenerationRequest& request,
                                           const Manifest& manifest, std::int64_t chunk_size) {
  LatentShape shape = latent_shape(request, manifest);
  if (request.vae_tiling.enabled) {
    const std::int64_t tile = request.vae_tiling.tile_size / manifest.vae.spatial_scale;
    shape.height = std::min(shape.height, tile);
    shape.width = std::min(shape.width, tile);
  }
  return Saturated(std::min(chunk_size, request.num_frames)) * shape.height * shape.width;
}

/// Frames of a chunk as numbers, once as the decoder leaves them and while they are changed.
FREEINIT_INLINE Saturated bytes_of_frames(const GenerationRequest& request, std::int64_t frames) {
  constexpr std::int64_t kCopies = 3, kChannels = 3;
  return Saturated(kCopies * kChannels * static_cast<std::int64_t>(sizeof(float))) *
         std::min(frames, request.num_frames) * request.height * request.width;
}

/// What FFmpeg's encoders hold: some twenty pictures of 1.5 bytes a pixel and their halves.
FREEINIT_INLINE Saturated bytes_of_video_encoder(const GenerationRequest& request) {
  constexpr std::int64_t kPictures = 40;
  return Saturated(kPictures * 2) * request.height * request.width;
}

}  // namespace detail

FREEINIT_INLINE std::int64_t MemoryEstimate::peak() const noexcept {
  return std::max({text, encode, denoise, decode, write});
}

FREEINIT_INLINE std::optional<MemoryEstimate> estimate_memory(const Manifest& manifest,
                                                              const GenerationRequest& request,
                                                              const BundleOptions& options,
                                                              const MemoryConditions& conditions) {
  if (manifest.memory.empty()) return std::nullopt;
  const UNetBackend& backend = options.backend.empty()
                                   ? default_unet_backend(manifest, options.device)
                                   : unet_backend(options.backend);
  const MemorySpec& text = manifest.memory.at("text_encoder");
  const MemorySpec& unet = manifest.memory.at("unet");
  const MemorySpec& decoder = manifest.memory.at("vae_decoder");
  const HeapOverhead heap = options.device.is_cpu() ? conditions.heap : HeapOverhead{0, 0.0, 0};
  const Saturated network = Saturated(conditions.resident) + heap.first_use +
                            detail::unet_weights(manifest, backend, options.device) +
                            detail::workspace_of(backend);
  const auto weights = [&](const char* name, const std::string& file) {
    return detail::weights_of(manifest, name, file, options.device);
  };
  const std::int64_t text_weights = weights("text_encoder", manifest.text_encoder.file);
  const std::int64_t decoder_weights = weights("vae_decoder", manifest.vae.decoder_file);
  // With low memory a network is there while it runs; else also the encoder, once it was needed.
  const bool all = !options.low_memory;
  const Saturated others = all ? Saturated(text_weights) + decoder_weights : Saturated();
  const Saturated with_text = network + (all ? others : Saturated(text_weights));
  const Saturated with_decoder = network + (all ? others : Saturated(decoder_weights));

  MemoryEstimate estimate;
  estimate.text = (with_text + detail::with_waste(detail::bytes_of_call(text, 0), heap)).value();
  const Saturated latents = detail::latents_of_call(request, manifest, options.device);
  const Saturated denoising = detail::bytes_of_call(unet, latents);
  estimate.denoise = (network + others + detail::with_waste(denoising, heap)).value();
  const std::int64_t default_chunk = default_chunk_size(request.height, request.width);
  const std::int64_t chunk = request.decode_chunk_size.value_or(default_chunk);
  const Saturated written = with_decoder + detail::bytes_of_frames(request, chunk) +
                            detail::bytes_of_video_encoder(request);
  estimate.write = written.value();
  const Saturated decoded = detail::latents_of_chunk(request, manifest, chunk);
  const Saturated decoding = detail::bytes_of_call(decoder, decoded);
  const std::int64_t smaller = std::min(denoising.value(), decoding.value());
  estimate.decode =
      (written + detail::with_waste(decoding, heap) + detail::share_of(smaller, heap.left_over))
          .value();
  if (conditions.encodes_video && manifest.memory.contains("vae_encoder")) {
    const MemorySpec& encoder = manifest.memory.at("vae_encoder");
    const std::int64_t encoder_weights = weights("vae_encoder", manifest.vae.encoder_file);
    const Saturated encoded = detail::latents_of_chunk(request, manifest, default_chunk);
    estimate.encode =
        (with_decoder + encoder_weights + detail::bytes_of_frames(request, request.num_frames) +
         detail::with_waste(detail::bytes_of_call(encoder, encoded), heap))
            .value();
    if (all) {  // it stays
      for (std::int64_t* stage : {&estimate.text, &estimate.denoise, &estimate.decode}) {
        *stage = (Saturated(*stage) + encoder_weights).value();
      }
    }
  }
  return estimate;
}

}  // namespace freeinit::inline FREEINIT_ABI
