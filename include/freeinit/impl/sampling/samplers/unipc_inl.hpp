#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/impl/sampling/linear_sampler_inl.hpp>
#include <freeinit/impl/sampling/sigma_grid_inl.hpp>
#include <freeinit/sampling/samplers/unipc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The unified step between two levels that both the predictor and the corrector take: factors of
/// the latents, of the value at its start, and of the sum of differences.
struct UniFactors {
  double latents, value, differences;
  std::array<double, 3> b;  ///< right side of the equations for the differences' weights
};

FREEINIT_INLINE UniFactors uni_factors(const SamplerConfig& config, double from, double to) {
  const LatentLevel start = preserving_level(from);
  const LatentLevel end = preserving_level(to);
  const double h = std::log(from / to);
  const double hh = config.predict_x0 ? -h : h;
  const bool bh1 = config.solver_type == SolverType::bh1;
  const double scale = bh1 ? hh : std::expm1(hh);
  UniFactors factors{};
  if (config.predict_x0) {
    factors.latents = end.noise / start.noise;
    factors.value = -end.signal * std::expm1(hh);
    factors.differences = -end.signal * scale;
  } else {
    factors.latents = end.signal / start.signal;
    // noise (e^h - 1), also where no noise is left.
    factors.value = end.noise - end.signal * start.noise / start.signal;
    factors.differences = -end.noise * scale;
  }
  double phi = std::expm1(hh) / hh - 1.0;
  double factorial = 1.0;
  for (std::size_t k = 0; k < 3; ++k) {
    factors.b[k] = phi * factorial / scale;
    factorial *= static_cast<double>(k + 2);
    phi = phi / hh - 1.0 / factorial;
  }
  return factors;
}

/// Weights w with sum_k w_k r_k^j = b_j, j = 0 .. size - 1: a Vandermonde system, by Gauss.
FREEINIT_INLINE std::vector<double> uni_weights(const std::vector<double>& r,
                                                const std::array<double, 3>& b) {
  const std::size_t size = r.size();
  std::vector<std::vector<double>> rows(size);
  for (std::size_t j = 0; j < size; ++j) {
    for (const double x : r) rows[j].push_back(std::pow(x, static_cast<double>(j)));
    rows[j].push_back(b[j]);
  }
  for (std::size_t column = 0; column < size; ++column) {
    const auto larger = [&](const auto& a, const auto& c) {
      return std::abs(a[column]) < std::abs(c[column]);
    };
    const auto start = rows.begin() + static_cast<std::ptrdiff_t>(column);
    std::iter_swap(start, std::max_element(start, rows.end(), larger));
    for (std::size_t j = 0; j < size; ++j) {
      if (j == column) continue;
      const double factor = rows[j][column] / rows[column][column];
      for (std::size_t k = column; k <= size; ++k) rows[j][k] -= factor * rows[column][k];
    }
  }
  std::vector<double> weights;
  for (std::size_t j = 0; j < size; ++j) weights.push_back(rows[j][size] / rows[j][j]);
  return weights;
}

/// Where level `i - k` lies in units of the step from level `i`.
FREEINIT_INLINE double uni_place(const std::vector<double>& sigmas, std::size_t i, std::size_t k) {
  return std::log(sigmas[i] / sigmas[i - k]) / std::log(sigmas[i] / sigmas[i + 1]);
}

/// The predictor's step from level `i`: its factors of latents and of values, the newest first.
FREEINIT_INLINE Mix uni_predictor(const SamplerConfig& config, const std::vector<double>& sigmas,
                                  std::size_t i, std::size_t order) {
  if (sigmas[i] == sigmas[i + 1]) return {.latents = 1.0};  // a level met twice (sigma_min)
  const UniFactors f = uni_factors(config, sigmas[i], sigmas[i + 1]);
  Mix mix{.latents = f.latents, .values = {f.value}};
  std::vector<double> places;
  for (std::size_t k = 1; k < order; ++k) places.push_back(uni_place(sigmas, i, k));
  const std::vector<double> weights =
      order == 2 ? std::vector<double>{0.5} : uni_weights(places, f.b);
  for (std::size_t k = 0; k + 1 < order; ++k) {
    const double factor = f.differences * weights[k] / places[k];
    mix.values.push_back(factor);
    mix.values.front() -= factor;
  }
  return mix;
}

/// The step that led to level `i`, again, with the value found there: `values` begin with that one.
FREEINIT_INLINE Mix uni_corrector(const SamplerConfig& config, const std::vector<double>& sigmas,
                                  std::size_t i, std::size_t order) {
  const UniFactors f = uni_factors(config, sigmas[i - 1], sigmas[i]);
  std::vector<double> places;
  for (std::size_t k = 1; k < order; ++k) places.push_back(uni_place(sigmas, i - 1, k));
  places.push_back(1.0);
  const std::vector<double> weights =
      order == 1 ? std::vector<double>{0.5} : uni_weights(places, f.b);
  const double newest = f.differences * weights.back();
  Mix mix{.kept = f.latents, .values = {newest, f.value - newest}};
  for (std::size_t k = 0; k + 1 < order; ++k) {
    const double factor = f.differences * weights[k] / places[k];
    mix.values.push_back(factor);
    mix.values[1] -= factor;
  }
  return mix;
}

/// How many values the step from level `i` of `count` may use.
FREEINIT_INLINE std::size_t uni_order(const SamplerConfig& config, std::size_t i,
                                      std::size_t count) {
  const auto order = static_cast<std::size_t>(config.solver_order);
  if (config.lower_order_final) return std::min(order, count - i);
  const bool to_zero = i + 1 == count && config.final_sigmas_type == FinalSigma::zero;
  return to_zero ? 1 : order;
}

}  // namespace detail

FREEINIT_INLINE std::unique_ptr<const Sampler> make_unipc(const NoiseSchedule& schedule,
                                                          std::int64_t num_inference_steps,
                                                          double /*eta*/) {
  const SamplerConfig& config = schedule.config();
  if (const auto type = config.solver_type) {
    check_setting(*type == SolverType::bh1 || *type == SolverType::bh2, "solver_type",
                  to_string(*type), "bh1 or bh2");
  }
  detail::SigmaGrid grid = detail::multistep_sigma_grid(schedule, num_inference_steps, true);
  const std::vector<double>& sigmas = grid.sigmas;
  // The corrector looks back one value further than the predictor.
  detail::LinearPlan plan{
      .remembered = config.predict_x0 ? detail::Remembered::original : detail::Remembered::epsilon,
      .order = static_cast<std::size_t>(config.solver_order) + 1,
      .keeps_latents = true};
  const std::size_t count = grid.timesteps.size();
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<detail::LinearStep> variants;
    for (std::size_t history = 0; history <= std::min(i, plan.order - 1); ++history) {
      detail::LinearStep step{.keeps_latents = true};
      if (history > 0 && sigmas[i - 1] != sigmas[i]) {
        const std::size_t order = std::min(detail::uni_order(config, i - 1, count), history);
        step.corrects = true;
        step.correction = detail::uni_corrector(config, sigmas, i, order);
      }
      const std::size_t order = std::min(detail::uni_order(config, i, count), history + 1);
      step.next = detail::uni_predictor(config, sigmas, i, order);
      variants.push_back(std::move(step));
    }
    plan.levels.push_back(detail::preserving_level(sigmas[i]));
    plan.steps.push_back(std::move(variants));
  }
  plan.timesteps = std::move(grid.timesteps);
  return std::make_unique<detail::LinearSampler>(config, /*clips=*/false, std::move(plan));
}

}  // namespace freeinit::inline FREEINIT_ABI
