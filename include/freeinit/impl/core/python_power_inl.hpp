#pragma once

#include <freeinit/core/config.hpp>

#include <cmath>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Python's `base ** exponent`: the C library's pow, whatever the exponent. base * base differs
/// from it in the last bit for about one value in a thousand, and compilers turn pow(base, 2.0)
/// into that product unless the exponent is hidden from them.
inline double python_power(double base, double exponent) {
  const volatile double hidden = exponent;
  return std::pow(base, hidden);
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
