#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/impl/sampling/linear_sampler_inl.hpp>
#include <freeinit/impl/sampling/sigma_grid_inl.hpp>
#include <freeinit/sampling/samplers/dpmsolver.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Factors of the latents, of the newest x_0 and of its first and second divided differences.
struct DpmFactors {
  double latents, value, slope, curve, noise;
};

/// One step between levels of sigma, h apart in log sigma.
FREEINIT_INLINE DpmFactors dpm_factors(const SamplerConfig& config, std::size_t order, double from,
                                       double to) {
  const LatentLevel start = preserving_level(from);
  const LatentLevel end = preserving_level(to);
  const double h = std::log(from / to);
  const bool sde = config.algorithm_type == AlgorithmType::sde_dpmsolver_pp;
  const double span = sde ? 2.0 * h : h;  // noise is taken out twice as fast as it is put in
  const double share = -std::expm1(-span);
  DpmFactors factors{.latents = end.noise / start.noise * (sde ? to / from : 1.0),
                     .value = end.signal * share,
                     .slope = 0.5 * end.signal * share,
                     .curve = 0.0,
                     .noise = sde ? end.noise * std::sqrt(share) : 0.0};
  const bool midpoint = config.solver_type.value_or(SolverType::midpoint) == SolverType::midpoint;
  if (order == 3 || (order == 2 && !midpoint)) factors.slope = end.signal * (1.0 - share / span);
  if (order == 3) {
    const double part = sde ? share - span : span - share;
    factors.curve = end.signal * (sde ? part / (span * span) - 0.5 : 0.5 - part / (span * span));
  }
  return factors;
}

/// The step from level `i`, over `order` values.
FREEINIT_INLINE LinearStep dpm_step(const SamplerConfig& config, const std::vector<double>& sigmas,
                                    std::size_t i, std::size_t order) {
  LinearStep step{.draws_noise = config.algorithm_type == AlgorithmType::sde_dpmsolver_pp};
  if (sigmas[i] == sigmas[i + 1]) {  // a level that is met twice (sigma_min)
    step.next = {.latents = 1.0};
    return step;
  }
  const DpmFactors f = dpm_factors(config, order, sigmas[i], sigmas[i + 1]);
  step.next = {.latents = f.latents, .values = {f.value}, .noise = f.noise};
  if (order == 1) return step;
  const double h = std::log(sigmas[i] / sigmas[i + 1]);
  const double r0 = std::log(sigmas[i - 1] / sigmas[i]) / h;
  if (order == 2) {
    step.next.values = {f.value + f.slope / r0, -f.slope / r0};
    return step;
  }
  const double r1 = std::log(sigmas[i - 2] / sigmas[i - 1]) / h;
  // slope = d0 + r0 / (r0 + r1) (d0 - d1), curve = (d0 - d1) / (r0 + r1), where d0 and d1 are the
  // differences of neighbouring values over r0 and r1.
  const double change = (f.slope * r0 + f.curve) / (r0 + r1);
  const double d0 = (f.slope + change) / r0;
  const double d1 = -change / r1;
  step.next.values = {f.value + d0, d1 - d0, -d1};
  return step;
}

/// How many values the step from level `i` of `count` may use.
FREEINIT_INLINE std::int64_t dpm_order(const SamplerConfig& config, std::size_t i,
                                       std::size_t count) {
  const bool lowers = config.lower_order_final && count < 15;
  const bool zero = config.final_sigmas_type == FinalSigma::zero;
  if (i + 1 == count && (config.euler_at_final || lowers || zero)) return 1;
  if (i + 2 == count && lowers) return std::min<std::int64_t>(config.solver_order, 2);
  return config.solver_order;
}

}  // namespace detail

FREEINIT_INLINE std::unique_ptr<const Sampler> make_dpmsolver(const NoiseSchedule& schedule,
                                                              std::int64_t num_inference_steps,
                                                              double /*eta*/) {
  const SamplerConfig& config = schedule.config();
  if (const auto type = config.solver_type) {
    check_setting(*type == SolverType::midpoint || *type == SolverType::heun, "solver_type",
                  to_string(*type), "midpoint or heun");
  }
  const bool rounds = config.beta_schedule != BetaSchedule::squaredcos_cap_v2;
  detail::SigmaGrid grid = detail::multistep_sigma_grid(schedule, num_inference_steps, rounds);
  detail::LinearPlan plan{.order = static_cast<std::size_t>(config.solver_order)};
  const std::size_t count = grid.timesteps.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto most = static_cast<std::size_t>(detail::dpm_order(config, i, count));
    std::vector<detail::LinearStep> variants;
    for (std::size_t history = 0; history <= std::min(i, plan.order - 1); ++history) {
      variants.push_back(detail::dpm_step(config, grid.sigmas, i, std::min(history + 1, most)));
    }
    plan.levels.push_back(detail::preserving_level(grid.sigmas[i]));
    plan.steps.push_back(std::move(variants));
  }
  plan.timesteps = std::move(grid.timesteps);
  return std::make_unique<detail::LinearSampler>(config, /*clips=*/false, std::move(plan));
}

}  // namespace freeinit::inline FREEINIT_ABI
