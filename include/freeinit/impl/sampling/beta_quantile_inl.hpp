#pragma once

#include <freeinit/core/config.hpp>

#include <cmath>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The share of the symmetric beta distribution Beta(shape, shape) below x, for x in 0 .. 1/2: its
/// power series, whose terms shrink by half or faster.
FREEINIT_INLINE double beta_share(double x, double shape) {
  const double whole = std::exp(2.0 * std::lgamma(shape) - std::lgamma(2.0 * shape));
  double factor = 1.0;
  double sum = 1.0 / shape;
  for (int n = 1; n < 200; ++n) {
    factor *= (static_cast<double>(n) - shape) / static_cast<double>(n) * x;
    sum += factor / (shape + static_cast<double>(n));
  }
  return std::pow(x, shape) * sum / whole;
}

/// The quantile of Beta(shape, shape), by bisection in double.
FREEINIT_INLINE double beta_quantile(double share, double shape) {
  if (share > 0.5) return 1.0 - beta_quantile(1.0 - share, shape);
  double low = 0.0;
  double high = 0.5;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = 0.5 * (low + high);
    (beta_share(middle, shape) < share ? low : high) = middle;
  }
  return high;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
