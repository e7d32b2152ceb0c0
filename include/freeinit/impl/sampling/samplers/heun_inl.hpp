#pragma once

#include <freeinit/impl/sampling/linear_sampler_inl.hpp>
#include <freeinit/impl/sampling/sigma_grid_inl.hpp>
#include <freeinit/sampling/samplers/heun.hpp>

#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Euler's step, whose end is only a trial; its start and x_0 are kept for the second call.
FREEINIT_INLINE LinearStep heun_trial(double from, double to) {
  LinearStep step{.keeps_latents = true};
  step.next = {.latents = to / from, .values = {1.0 - to / from}};
  return step;
}

/// The step again, with the mean of the slopes at both of its ends.
FREEINIT_INLINE LinearStep heun_step(double from, double to) {
  LinearStep step{.remembers = false, .forgets = true};
  const double before = 0.5 * (to - from) / from;
  const double after = 0.5 * (to - from) / to;
  step.next = {.latents = after, .kept = 1.0 + before, .values = {-after, -before}};
  return step;
}

}  // namespace detail

FREEINIT_INLINE std::unique_ptr<const Sampler> make_heun(const NoiseSchedule& schedule,
                                                         std::int64_t num_inference_steps,
                                                         double /*eta*/) {
  const detail::SigmaGrid grid = detail::continuous_sigma_grid(schedule, num_inference_steps);
  const std::vector<double>& sigmas = grid.sigmas;
  detail::LinearPlan plan{.init_noise_sigma = detail::init_noise_sigma(schedule.config(), grid),
                          .order = 2,
                          .calls_per_step = 2,
                          .keeps_latents = true};
  for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
    std::vector<detail::LinearStep> variants{detail::heun_trial(sigmas[i], sigmas[i + 1])};
    if (i > 0) variants.push_back(detail::heun_step(sigmas[i - 1], sigmas[i]));
    // Every level but the first one is met twice: as the end of a step, then as a start.
    for (int call = i > 0 ? 0 : 1; call < 2; ++call) {
      plan.timesteps.push_back(grid.timesteps[i]);
      plan.levels.push_back({.noise = sigmas[i]});
      plan.steps.push_back(variants);
    }
  }
  return std::make_unique<detail::LinearSampler>(schedule.config(), schedule.config().clip_sample,
                                                 std::move(plan));
}

}  // namespace freeinit::inline FREEINIT_ABI
