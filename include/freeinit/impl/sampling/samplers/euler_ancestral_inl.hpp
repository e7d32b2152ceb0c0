#pragma once

#include <freeinit/impl/sampling/linear_sampler_inl.hpp>
#include <freeinit/impl/sampling/sigma_grid_inl.hpp>
#include <freeinit/sampling/samplers/euler_ancestral.hpp>

#include <cmath>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
FREEINIT_INLINE std::unique_ptr<const Sampler> make_euler_ancestral(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps, double /*eta*/) {
  detail::SigmaGrid grid = detail::continuous_sigma_grid(schedule, num_inference_steps);
  detail::LinearPlan plan{.init_noise_sigma = detail::init_noise_sigma(schedule.config(), grid)};
  for (std::size_t i = 0; i + 1 < grid.sigmas.size(); ++i) {
    const double from = grid.sigmas[i];
    const double to = grid.sigmas[i + 1];
    // The step goes below its target by what the new noise brings back.
    const double up = std::sqrt(to * to * (from * from - to * to) / (from * from));
    const double down = std::sqrt(to * to - up * up);
    detail::LinearStep step{.draws_noise = true};
    step.next = {.latents = down / from, .values = {1.0 - down / from}, .noise = up};
    plan.levels.push_back({.noise = from});
    plan.steps.push_back({step});
  }
  plan.timesteps = std::move(grid.timesteps);
  return std::make_unique<detail::LinearSampler>(schedule.config(), /*clips=*/false,
                                                 std::move(plan));
}

}  // namespace freeinit::inline FREEINIT_ABI
