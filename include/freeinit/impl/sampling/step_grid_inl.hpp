#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/options/sampler_config.hpp>

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

// The grids below follow NumPy's arithmetic and its round(), ties to even.

FREEINIT_INLINE std::vector<std::int64_t> leading_timesteps(std::int64_t train, std::int64_t steps,
                                                            std::int64_t offset) {
  std::vector<std::int64_t> timesteps;
  for (std::int64_t i = steps - 1; i >= 0; --i) timesteps.push_back(i * (train / steps) + offset);
  return timesteps;
}

/// NumPy's linspace from the last training timestep down to 0, before anything is rounded.
inline std::vector<double> linspace_values(std::int64_t train, std::int64_t steps) {
  const auto last = static_cast<double>(train - 1);
  const double spacing = steps > 1 ? last / static_cast<double>(steps - 1) : 0.0;
  std::vector<double> values;
  for (std::int64_t i = steps - 1; i >= 0; --i) {
    const bool is_last = steps > 1 && i == steps - 1;
    values.push_back(is_last ? last : static_cast<double>(i) * spacing);
  }
  return values;
}

FREEINIT_INLINE std::vector<std::int64_t> linspace_timesteps(std::int64_t train,
                                                             std::int64_t steps) {
  std::vector<std::int64_t> timesteps;
  for (const double value : linspace_values(train, steps)) {
    timesteps.push_back(static_cast<std::int64_t>(std::nearbyint(value)));
  }
  return timesteps;
}

FREEINIT_INLINE std::vector<std::int64_t> trailing_timesteps(std::int64_t train,
                                                             std::int64_t steps) {
  const auto first = static_cast<double>(train);
  const double ratio = first / static_cast<double>(steps);
  const double spacing = (first - ratio) - first;  // as arange takes it, from its first two values
  std::vector<std::int64_t> timesteps;
  for (std::int64_t i = 0; i < steps; ++i) {
    const double value = first + static_cast<double>(i) * spacing;
    timesteps.push_back(static_cast<std::int64_t>(std::nearbyint(value)) - 1);
  }
  return timesteps;
}

FREEINIT_INLINE std::vector<std::int64_t> uniform_timesteps(std::int64_t train, std::int64_t steps,
                                                            std::int64_t offset) {
  std::vector<std::int64_t> timesteps;
  for (std::int64_t t = 0; t < train; t += train / steps) timesteps.push_back(t + offset);
  std::reverse(timesteps.begin(), timesteps.end());
  return timesteps;
}

/// Timesteps from the noisiest to the cleanest. Throws Error: invalid_argument.
FREEINIT_INLINE std::vector<std::int64_t> make_timesteps(const SamplerConfig& config,
                                                         std::int64_t steps) {
  const std::int64_t train = config.num_train_timesteps;
  if (steps < 1 || steps > train) {
    raise(ErrorCode::invalid_argument,
          c10::str("num_inference_steps '", steps, "': outside its range; expected 1 to ", train));
  }
  std::vector<std::int64_t> timesteps;
  switch (config.timestep_spacing) {
    case TimestepSpacing::leading:
      timesteps = leading_timesteps(train, steps, config.steps_offset);
      break;
    case TimestepSpacing::linspace:
      timesteps = linspace_timesteps(train, steps);
      break;
    case TimestepSpacing::trailing:
      timesteps = trailing_timesteps(train, steps);
      break;
    case TimestepSpacing::uniform:
      timesteps = uniform_timesteps(train, steps, config.steps_offset);
      break;
  }
  if (timesteps.front() >= train) {
    raise(ErrorCode::invalid_argument,
          c10::str("num_inference_steps '", steps, "' with steps_offset ", config.steps_offset,
                   ": the first timestep would be ", timesteps.front(), "; expected at most ",
                   train - 1));
  }
  return timesteps;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
