#pragma once

#include <freeinit/kernels/attention.hpp>

#include <cstdint>

#include "strip.hpp"

namespace freeinit::kernels {

inline constexpr std::int64_t kKeys = 128;  ///< whose scores are there at a time

/// Floats that a strip of queries needs while it is worked on.
[[nodiscard]] inline std::int64_t strip_memory(const Attention& attention) {
  return (2 * attention.width + kKeys + 2) * kStrip;
}

struct AttentionKernels {
  /// Up to kStrip queries of one head, `count` from `query` on. `memory`: strip_memory().
  void (*attend_strip)(const Attention& attention, std::int64_t batch, std::int64_t head,
                       std::int64_t query, std::int64_t count, float* memory);
};

}  // namespace freeinit::kernels
