#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/impl/sampling/distilled_grid_inl.hpp>
#include <freeinit/impl/sampling/linear_sampler_inl.hpp>
#include <freeinit/sampling/samplers/tcd.hpp>

#include <cmath>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
FREEINIT_INLINE std::unique_ptr<const Sampler> make_tcd(const NoiseSchedule& schedule,
                                                        std::int64_t num_inference_steps,
                                                        double eta) {
  check_setting(eta >= 0.0 && eta <= 1.0, "eta", eta, "0 to 1");
  const std::vector<std::int64_t> timesteps =
      detail::distilled_timesteps(schedule.config(), num_inference_steps);
  detail::LinearPlan plan;
  for (std::size_t i = 0; i < timesteps.size(); ++i) {
    const bool last = i + 1 == timesteps.size();
    const std::int64_t to = last ? 0 : timesteps[i + 1];
    // In float32, as in the reference: eta decides how far below its target the step goes.
    const float below = std::floor(static_cast<float>(1.0 - eta) * static_cast<float>(to));
    const double between = schedule.level(static_cast<std::int64_t>(below)).alpha;
    const detail::LatentLevel from = detail::level_of(schedule.level(timesteps[i]).alpha);
    const detail::LatentLevel low = detail::level_of(between);
    detail::LinearStep step{.draws_noise = eta > 0.0 && !last};
    const double kept = step.draws_noise ? schedule.level(to).alpha / between : 1.0;
    const double latents = low.noise / from.noise;
    step.next = {.latents = std::sqrt(kept) * latents,
                 .values = {std::sqrt(kept) * (low.signal - latents * from.signal)},
                 .noise = std::sqrt(1.0 - kept)};
    plan.timesteps.push_back(static_cast<double>(timesteps[i]));
    plan.levels.push_back(from);
    plan.steps.push_back({step});
  }
  return std::make_unique<detail::LinearSampler>(schedule.config(), /*clips=*/false,
                                                 std::move(plan));
}

}  // namespace freeinit::inline FREEINIT_ABI
