#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/passes/finite_check_inl.hpp>
#include <freeinit/passes/real_video_noise.hpp>
#include <freeinit/sampling/inversion.hpp>

#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The way from a clean sample to the noise that DDIM would make it from.
FREEINIT_INLINE at::Tensor invert_video(const at::Tensor& latents, const NoiseSchedule& schedule,
                                        const RealVideoSettings& settings, NoiseSource& noise,
                                        const RunControl& control) {
  if (!settings.denoiser) {
    raise(ErrorCode::invalid_argument,
          "denoiser: empty function; the inversion of a video needs one");
  }
  const auto inversion = make_inversion(schedule, settings.num_inference_steps);
  const auto num_steps = static_cast<int>(inversion->timesteps().size());
  SamplerState state = inversion->start(latents);
  for (const double timestep : inversion->timesteps()) {
    if (control.stop.stop_requested()) raise(ErrorCode::cancelled, "inversion: stopped");
    const at::Tensor output = settings.denoiser(inversion->scale_model_input(state), timestep);
    inversion->step(state, output, noise);
    control.report(
        {.phase = Phase::invert, .step = static_cast<int>(state.index), .num_steps = num_steps});
  }
  return state.latents;
}

}  // namespace detail

FREEINIT_INLINE at::Tensor initial_noise_from_video(const at::Tensor& latents,
                                                    const NoiseSchedule& schedule,
                                                    const RealVideoSettings& settings,
                                                    NoiseSource& noise, const RunControl& control) {
  const at::NoGradGuard no_grad;
  if (!latents.defined() || latents.dim() != 5 || latents.numel() == 0 ||
      !latents.is_floating_point()) {
    raise(ErrorCode::invalid_argument,
          c10::str("video latents '", latents.defined() ? latents.sizes() : at::IntArrayRef{},
                   "': expected floating point values of shape [B, C, F, height, width]"));
  }
  at::Tensor made;
  if (settings.source == VideoNoiseSource::diffuse) {
    const at::Tensor drawn = noise.draw(latents.sizes(), latents.scalar_type(), latents.device());
    made = schedule.add_noise(latents, drawn, schedule.last_timestep());
  } else {
    made = detail::invert_video(latents, schedule, settings, noise, control);
    detail::check_finite(made, "inversion", "the noise holds");
  }
  if (!settings.low_band) return made;
  const auto fresh = settings.low_band->draw_fresh(noise, latents.sizes());
  return (*settings.low_band)(made, fresh).to(latents.scalar_type());
}

}  // namespace freeinit::inline FREEINIT_ABI
