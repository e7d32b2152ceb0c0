#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/noise/noise_reinitializer.hpp>
#include <freeinit/noise/noise_source.hpp>
#include <freeinit/options/real_video_options.hpp>
#include <freeinit/sampling/denoiser.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace freeinit::inline FREEINIT_ABI {

/// What is made of a video's latents, with what it takes.
struct RealVideoSettings {
  VideoNoiseSource source = VideoNoiseSource::diffuse;  ///< how noise is made of the video
  /// Set: only the low band of the video's noise is kept, the high band is fresh noise, mixed as
  /// FreeInit does between two passes.
  std::optional<NoiseReinitializer> low_band{};
  std::int64_t num_inference_steps = 25;  ///< of the inversion
  Denoiser denoiser{};                    ///< for `invert` alone; may be empty otherwise
};

/// Initial noise of unit variance made from a real video: `latents` [B,C,F,h,w] as an autoencoder
/// gives them. The result has their dtype and device and is meant for
/// `FreeInitSettings::initial_noise`, with the same `noise` used on.
///
/// Draws from `noise`, in this order: for `diffuse` the noise that the video is diffused with
/// (dtype of the latents), which is the draw that a run without a video starts from; with
/// `low_band` the fresh noise (float32). `invert` calls the denoiser once a step, reporting
/// Phase::invert.
///
/// Throws Error: invalid_argument (shape, dtype, steps, no denoiser), cancelled, and whatever the
/// denoiser throws.
[[nodiscard]] FREEINIT_API at::Tensor initial_noise_from_video(const at::Tensor& latents,
                                                               const NoiseSchedule& schedule,
                                                               const RealVideoSettings& settings,
                                                               NoiseSource& noise,
                                                               const RunControl& control = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/passes/real_video_noise_inl.hpp>
#endif
