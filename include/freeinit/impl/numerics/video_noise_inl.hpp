#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/numerics/video_noise.hpp>

#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

#include <cstddef>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<VideoNoiseSource, 2> kVideoNoiseSourceNames{{
    {"diffuse", VideoNoiseSource::diffuse},
    {"invert", VideoNoiseSource::invert},
}};

/// The way from a clean sample to the noise that DDIM would make it from.
FREEINIT_INLINE at::Tensor invert_video(const at::Tensor& latents, const DdimScheduler& scheduler,
                                        std::int64_t num_inference_steps, NoiseSource& noise,
                                        const Denoiser& denoiser, const RunControl& control) {
  if (!denoiser) {
    raise(ErrorCode::invalid_argument,
          "denoiser: empty function; the inversion of a video needs one");
  }
  const auto trajectory = inversion_trajectory(scheduler, num_inference_steps);
  const auto timesteps = trajectory->timesteps();
  at::Tensor sample = latents;
  for (std::size_t i = 0; i < timesteps.size(); ++i) {
    if (control.stop.stop_requested()) raise(ErrorCode::cancelled, "inversion: stopped");
    sample = trajectory->step(i, denoiser(sample, timesteps[i]), sample, noise);
    control.report({.phase = Phase::encode,
                    .step = static_cast<int>(i + 1),
                    .num_steps = static_cast<int>(timesteps.size())});
  }
  return sample;
}

}  // namespace detail

FREEINIT_INLINE VideoNoiseSource video_noise_source_from_string(std::string_view name) {
  return value_from_name("video noise source", name, detail::kVideoNoiseSourceNames);
}

FREEINIT_INLINE std::string_view to_string(VideoNoiseSource source) noexcept {
  return name_of_value(source, detail::kVideoNoiseSourceNames);
}

FREEINIT_INLINE std::unique_ptr<const Trajectory> inversion_trajectory(
    const DdimScheduler& scheduler, std::int64_t num_inference_steps) {
  DdimConfig config = scheduler.config();
  if (config.timestep_spacing == TimestepSpacing::linspace) {
    config.timestep_spacing = TimestepSpacing::trailing;
    return DdimScheduler(config).inverse_trajectory(num_inference_steps);
  }
  return scheduler.inverse_trajectory(num_inference_steps);
}

FREEINIT_INLINE at::Tensor initial_noise_from_video(const at::Tensor& latents,
                                                    const DdimScheduler& scheduler,
                                                    const VideoNoiseOptions& options,
                                                    NoiseSource& noise, const Denoiser& denoiser,
                                                    const RunControl& control) {
  const at::NoGradGuard no_grad;
  if (!latents.defined() || latents.dim() != 5 || latents.numel() == 0 ||
      !latents.is_floating_point()) {
    raise(ErrorCode::invalid_argument,
          c10::str("video latents '", latents.defined() ? latents.sizes() : at::IntArrayRef{},
                   "': expected floating point values of shape [B, C, F, height, width]"));
  }
  at::Tensor made;
  if (options.source == VideoNoiseSource::diffuse) {
    const at::Tensor drawn = noise.draw(latents.sizes(), latents.scalar_type(), latents.device());
    made = scheduler.add_noise(latents, drawn, scheduler.num_train_timesteps() - 1);
  } else {
    made = detail::invert_video(latents, scheduler, options.num_inference_steps, noise, denoiser,
                                control);
  }
  if (!options.low_band) return made;
  std::vector<at::Tensor> fresh;
  while (fresh.size() < options.low_band->num_fresh()) {
    fresh.push_back(noise.draw(latents.sizes(), at::kFloat, latents.device()));
  }
  return (*options.low_band)(made, fresh).to(latents.scalar_type());
}

}  // namespace freeinit::inline FREEINIT_ABI
