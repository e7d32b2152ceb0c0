#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/sampling/linear_sampler_inl.hpp>
#include <freeinit/sampling/samplers/pndm.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The transfer of PNDM from one level to another, of `x` with a sum of predictions; `weights` are
/// that sum's, the newest first. `kept`: x are the latents that were kept.
FREEINIT_INLINE Mix pndm_transfer(PredictionType type, double from, double to,
                                  const std::vector<double>& weights, bool kept) {
  const double noise = std::sqrt(1.0 - from);
  const double spread = from * std::sqrt(1.0 - to) + std::sqrt(from * (1.0 - from) * to);
  const double by_epsilon = (from - to) / spread;
  double by_latents = std::sqrt(to / from);
  double by_value = by_epsilon;
  if (type == PredictionType::v_prediction) {  // epsilon = sqrt(abar) v + sqrt(1 - abar) x
    by_latents += by_epsilon * noise;
    by_value *= std::sqrt(from);
  }
  Mix mix;
  (kept ? mix.kept : mix.latents) = by_latents;
  for (const double weight : weights) mix.values.push_back(by_value * weight);
  return mix;
}

/// Weights of Adams and Bashforth for 1 to 4 values.
FREEINIT_INLINE const std::vector<std::vector<double>>& adams_bashforth() {
  static const std::vector<std::vector<double>> table{
      {1.0},
      {3.0 / 2.0, -1.0 / 2.0},
      {23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0},
      {55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0}};
  return table;
}

}  // namespace detail

FREEINIT_INLINE std::unique_ptr<const Sampler> make_pndm(const NoiseSchedule& schedule,
                                                         std::int64_t num_inference_steps,
                                                         double /*eta*/) {
  const PredictionType type = schedule.config().prediction_type;
  if (type == PredictionType::sample) {
    raise(ErrorCode::invalid_argument,
          "prediction type 'sample': not known to PNDM; expected epsilon or v_prediction");
  }
  std::vector<std::int64_t> timesteps = schedule.timesteps(num_inference_steps);
  if (timesteps.size() > 1) timesteps.insert(timesteps.begin() + 1, timesteps[1]);
  const std::int64_t distance = schedule.num_train_timesteps() / num_inference_steps;
  const auto alpha_at = [&](std::int64_t t) {
    return schedule.level(std::min(t, schedule.last_timestep())).alpha;
  };
  detail::LinearPlan plan{
      .remembered = detail::Remembered::output, .order = 4, .keeps_latents = true};
  for (std::size_t i = 0; i < timesteps.size(); ++i) {
    const std::int64_t t = timesteps[i];
    std::vector<detail::LinearStep> variants;
    for (std::size_t history = 0; history <= std::min<std::size_t>(i, 3); ++history) {
      detail::LinearStep step{.keeps_latents = history == 0};
      step.next = detail::pndm_transfer(type, alpha_at(t), alpha_at(t - distance),
                                        detail::adams_bashforth()[history], /*kept=*/false);
      if (i == 1 && history == 1) {  // the first step again, with the mean of both of its ends
        step.next = detail::pndm_transfer(type, alpha_at(t + distance), alpha_at(t), {0.5, 0.5},
                                          /*kept=*/true);
        step.remembers = false;
      }
      variants.push_back(std::move(step));
    }
    plan.timesteps.push_back(static_cast<double>(t));
    plan.levels.push_back(detail::level_of(alpha_at(t)));
    plan.steps.push_back(std::move(variants));
  }
  return std::make_unique<detail::LinearSampler>(schedule.config(), /*clips=*/false,
                                                 std::move(plan));
}

}  // namespace freeinit::inline FREEINIT_ABI
