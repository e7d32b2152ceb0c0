#pragma once

// What most methods are: steps that are sums of tensors, with factors known beforehand. Each method
// is a table of such factors; LinearSampler walks it.

#include <freeinit/core/config.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// latents = signal x_0 + noise epsilon; signal is 1 in sigma space.
struct LatentLevel {
  double signal = 1.0;
  double noise = 0.0;
};

/// The level of sigma in variance-preserving scale.
FREEINIT_INLINE LatentLevel preserving_level(double sigma) {
  const double signal = 1.0 / std::sqrt(sigma * sigma + 1.0);
  return {.signal = signal, .noise = sigma * signal};
}

/// The level of abar, which is rounded to float32.
FREEINIT_INLINE LatentLevel level_of(double alpha) {
  return {.signal = std::sqrt(alpha), .noise = std::sqrt(1.0 - alpha)};
}

/// What a method remembers of each step.
enum class Remembered { original, epsilon, output };

/// A sum of tensors: its factors, 0 for what takes no part.
struct Mix {
  double latents = 0.0;
  double kept = 0.0;             ///< of the latents that were kept
  std::vector<double> values{};  ///< of what is remembered: this step's first, then the last one's
  double noise = 0.0;
};

/// What a step does when it can look back `history` values; a run that starts in the middle of the
/// grid has none.
struct LinearStep {
  bool corrects = false;  ///< the latents are replaced by `correction` first
  Mix correction{};
  Mix next{};
  bool keeps_latents = false;  ///< they are `kept` from here on, after the correction
  bool remembers = true;       ///< the value of this step
  bool forgets = false;        ///< all history is dropped after the step
  bool draws_noise = false;
};

/// A method: its grid, and what each step does.
struct LinearPlan {
  std::vector<double> timesteps{};
  std::vector<LatentLevel> levels{};  ///< of the latents before each step
  double init_noise_sigma = 1.0;
  Remembered remembered = Remembered::original;
  std::size_t order = 1;  ///< values a step uses at most, its own included
  std::int64_t calls_per_step = 1;
  bool keeps_latents = false;  ///< some step does
  /// [index][values of history, 0 .. order - 1]
  std::vector<std::vector<LinearStep>> steps{};
};

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
