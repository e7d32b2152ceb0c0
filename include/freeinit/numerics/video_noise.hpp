#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/numerics/ddim_scheduler.hpp>
#include <freeinit/numerics/free_init.hpp>
#include <freeinit/numerics/noise_reinitializer.hpp>
#include <freeinit/numerics/noise_source.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// How a real video becomes noise.
/// `diffuse`: the forward process to the last training timestep, with noise of its own.
/// `invert`: DDIM inversion, the way back through the denoiser; no noise is drawn for it.
enum class VideoNoiseSource { diffuse, invert };

/// Throws Error: invalid_argument with the known names.
[[nodiscard]] FREEINIT_API VideoNoiseSource video_noise_source_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(VideoNoiseSource source) noexcept;

/// The way back of `VideoNoiseSource::invert`: `scheduler.inverse_trajectory`, on the trailing grid
/// for `linspace`, which diffusers' inversion does not know and which ends at the same timestep.
/// Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API std::unique_ptr<const Trajectory> inversion_trajectory(
    const DdimScheduler& scheduler, std::int64_t num_inference_steps);

/// What is made of a video's latents.
struct VideoNoiseOptions {
  VideoNoiseSource source = VideoNoiseSource::diffuse;
  /// Set: only the low band of the video's noise is kept, the high band is fresh noise, mixed as
  /// FreeInit does between two passes.
  std::optional<NoiseReinitializer> low_band{};
  std::int64_t num_inference_steps = 25;  ///< of the inversion
};

/// Initial noise of unit variance made from a real video: `latents` [B,C,F,h,w] as an autoencoder
/// gives them. The result has their dtype and device and is meant for
/// `SamplingOptions::initial_noise`, with the same `noise` used on.
///
/// Draws from `noise`, in this order: for `diffuse` the noise that the video is diffused with
/// (dtype of the latents), which is the draw that a run without a video starts from; with
/// `low_band` the fresh noise (float32). `invert` calls `denoiser` once a step, reporting
/// Phase::encode; it is not called otherwise and may be empty.
///
/// Throws Error: invalid_argument (shape, dtype, steps, no denoiser), cancelled, and whatever the
/// denoiser throws.
[[nodiscard]] FREEINIT_API at::Tensor initial_noise_from_video(
    const at::Tensor& latents, const DdimScheduler& scheduler, const VideoNoiseOptions& options,
    NoiseSource& noise, const Denoiser& denoiser = {}, const RunControl& control = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/numerics/video_noise_inl.hpp>
#endif
