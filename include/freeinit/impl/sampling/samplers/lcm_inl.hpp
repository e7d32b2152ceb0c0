#pragma once

#include <freeinit/impl/sampling/distilled_grid_inl.hpp>
#include <freeinit/impl/sampling/linear_sampler_inl.hpp>
#include <freeinit/sampling/samplers/lcm.hpp>

#include <cmath>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
FREEINIT_INLINE std::unique_ptr<const Sampler> make_lcm(const NoiseSchedule& schedule,
                                                        std::int64_t num_inference_steps,
                                                        double /*eta*/) {
  const SamplerConfig& config = schedule.config();
  const std::vector<std::int64_t> timesteps =
      detail::distilled_timesteps(config, num_inference_steps);
  detail::LinearPlan plan;
  for (std::size_t i = 0; i < timesteps.size(); ++i) {
    const double t = static_cast<double>(timesteps[i]);
    // How far the boundary condition f(x, 0) = x still reaches.
    const double data = 0.25;
    const double scaled = t * config.timestep_scaling;
    const double skip = data / (scaled * scaled + data);
    const double out = scaled / std::sqrt(scaled * scaled + data);
    const bool last = i + 1 == timesteps.size();
    const detail::LatentLevel next =
        last ? detail::LatentLevel{} : detail::level_of(schedule.level(timesteps[i + 1]).alpha);
    detail::LinearStep step{.draws_noise = !last};
    step.next = {.latents = next.signal * skip, .values = {next.signal * out}, .noise = next.noise};
    plan.timesteps.push_back(t);
    plan.levels.push_back(detail::level_of(schedule.level(timesteps[i]).alpha));
    plan.steps.push_back({step});
  }
  return std::make_unique<detail::LinearSampler>(config, config.clip_sample, std::move(plan));
}

}  // namespace freeinit::inline FREEINIT_ABI
