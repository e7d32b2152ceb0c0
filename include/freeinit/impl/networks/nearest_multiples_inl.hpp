#pragma once

#include <freeinit/core/config.hpp>

#include <cstdint>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The multiples of `multiple` around `size`, in words: "96 or 112", or "16" below the first.
/// `inline` in both modes: two layers share it.
inline std::string nearest_multiples(std::int64_t size, std::int64_t multiple) {
  const std::int64_t below = size < 0 ? 0 : size / multiple * multiple;
  const std::string above = std::to_string(below + multiple);
  return below > 0 ? std::to_string(below) + " or " + above : above;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
