#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/networks/conditioning.hpp>
#include <freeinit/networks/feature_cache.hpp>
#include <freeinit/networks/video_unet.hpp>
#include <freeinit/sampling/denoiser.hpp>

#include <ATen/core/Tensor.h>

#include <limits>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// Timesteps from `lowest` to `highest`, both included.
struct TimestepInterval {
  double lowest = 0.0;                                       ///< of the training timesteps
  double highest = std::numeric_limits<double>::infinity();  ///< of the training timesteps

  /// Whether `timestep` lies in it.
  [[nodiscard]] bool contains(double timestep) const noexcept {
    return lowest <= timestep && timestep <= highest;
  }
};

/// How a UNet becomes a `Denoiser`.
struct GuidanceOptions {
  double guidance_scale = 7.5;  ///< <= 1 switches guidance off
  double fps = 8.0;             ///< frames per second that the network is told, if it asks
  /// Guidance only at these timesteps (arXiv 2404.07724); elsewhere one call on the text alone.
  TimestepInterval interval{};
  /// Unset: every call runs the whole network. The caller starts its passes.
  std::shared_ptr<FeatureCache> feature_cache{};
};

/// Classifier-free guidance around a UNet, as a `Denoiser` for `free_init`.
/// `text`, `negative_text`: [B,L,D]; a text that travels needs a UNet that takes it. With
/// `guidance_scale` > 1 one call of the UNet on the batch [negative; positive] and negative + scale
/// (positive - negative), diffusers' order; otherwise one call on `text` alone, and `negative_text`
/// may stay undefined. With guidance a call overwrites the prediction of the last one, copies share
/// that memory, and one thread at a time may call. Throws Error: invalid_argument (scale or fps not
/// finite, no UNet, no text, shapes).
[[nodiscard]] FREEINIT_API Denoiser guided_denoiser(std::shared_ptr<const VideoUNet> unet,
                                                    const Conditioning& text,
                                                    const at::Tensor& negative_text,
                                                    const GuidanceOptions& options);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/guidance_inl.hpp>
#endif
