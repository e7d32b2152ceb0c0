#pragma once

#include <cstdint>

namespace freeinit::kernels {

/// Columns that are multiplied together: tiles of a convolution, queries of an attention.
inline constexpr std::int64_t kStrip = 32;

}  // namespace freeinit::kernels
