#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/options/sampler_config.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Timesteps of models that were distilled from a grid of `original_inference_steps`: evenly spaced
/// members of that grid, from the noisiest one. Throws Error: invalid_argument.
FREEINIT_INLINE std::vector<std::int64_t> distilled_timesteps(const SamplerConfig& config,
                                                              std::int64_t steps) {
  const std::int64_t original = config.original_inference_steps;
  check_between("original_inference_steps", original, 1, config.num_train_timesteps);
  check_between("num_inference_steps", steps, 1, original);
  const std::int64_t ratio = config.num_train_timesteps / original;
  const double spacing = static_cast<double>(original) / static_cast<double>(steps);
  std::vector<std::int64_t> timesteps;
  for (std::int64_t i = 0; i < steps; ++i) {
    const auto skipped = static_cast<std::int64_t>(std::floor(static_cast<double>(i) * spacing));
    timesteps.push_back((original - skipped) * ratio - 1);
  }
  return timesteps;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
