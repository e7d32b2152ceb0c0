#pragma once

#include <cstdint>

namespace freeinit::kernels {

/// Columns that are multiplied together: tiles of a convolution, queries of an attention.
inline constexpr std::int64_t kStrip = 32;
/// Those of a strip that may lie together, a cache line of them.
inline constexpr std::int64_t kPanel = 16;

}  // namespace freeinit::kernels
