#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/networks/context_windows.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The binary digits of `step` in reverse order behind the point: 0, 1/2, 1/4, 3/4, 1/8, ...
FREEINIT_INLINE double reversed_fraction(std::int64_t step) {
  double fraction = 0.0;
  double digit = 0.5;
  for (; step > 0; step >>= 1, digit /= 2.0) fraction += static_cast<double>(step & 1) * digit;
  return fraction;
}

/// The frames from the first to the last of a window.
FREEINIT_INLINE std::int64_t span_of(const ContextWindow& window) {
  return (window.length - 1) * window.stride + 1;
}

}  // namespace detail

FREEINIT_INLINE std::vector<ContextWindow> context_windows(const ContextOptions& options,
                                                           std::int64_t num_frames,
                                                           std::int64_t step) {
  options.validate();
  check_at_least("number of frames", num_frames, 1);
  check_at_least("step", step, 0);
  const std::int64_t length = options.length.value_or(0);
  check_at_least("context length", length, 1);
  if (num_frames <= length) return {{.length = num_frames}};

  const std::int64_t overlap = options.overlap.value_or(length / 4);
  const bool moves = options.schedule == ContextSchedule::uniform;
  const double fraction = moves ? detail::reversed_fraction(step) : 0.0;
  const auto moved = std::llrint(static_cast<double>(num_frames) * fraction);
  const std::int64_t end = num_frames + moved - (options.closed_loop ? 0 : overlap);
  std::vector<ContextWindow> windows;
  for (std::int64_t kind = 0; kind < options.stride; ++kind) {
    ContextWindow window{.stride = std::int64_t{1} << kind, .length = length};
    const std::int64_t span = detail::span_of(window);
    if (span > num_frames) break;
    const auto begin =
        moved + static_cast<std::int64_t>(static_cast<double>(window.stride) * fraction);
    for (std::int64_t first = begin; first < end; first += length * window.stride - overlap) {
      window.first = first % num_frames;
      if (!options.closed_loop && window.first + span > num_frames) {
        window.first = num_frames - span;
        if (kind == 0) windows.push_back({.length = length});
      }
      windows.push_back(window);
    }
  }
  std::sort(windows.begin(), windows.end());
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
  return windows;
}

FREEINIT_INLINE std::vector<std::vector<double>> context_weights(
    const std::vector<ContextWindow>& windows, FuseMethod fuse, std::int64_t num_frames) {
  const auto frame_of = [num_frames](const ContextWindow& window, std::int64_t i) {
    return static_cast<std::size_t>((window.first + i * window.stride) % num_frames);
  };
  const auto weight_of = [fuse](const ContextWindow& window, std::int64_t i) {
    return fuse == FuseMethod::flat ? 1.0 : static_cast<double>(std::min(i + 1, window.length - i));
  };
  std::vector<double> sums(static_cast<std::size_t>(num_frames));
  for (const ContextWindow& window : windows) {
    for (std::int64_t i = 0; i < window.length; ++i) {
      sums[frame_of(window, i)] += weight_of(window, i);
    }
  }
  std::vector<std::vector<double>> weights;
  for (const ContextWindow& window : windows) {
    std::vector<double>& of_window = weights.emplace_back();
    for (std::int64_t i = 0; i < window.length; ++i) {
      of_window.push_back(weight_of(window, i) / sums[frame_of(window, i)]);
    }
  }
  return weights;
}

}  // namespace freeinit::inline FREEINIT_ABI
