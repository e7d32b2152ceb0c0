#pragma once

#include <freeinit/impl/core/python_power_inl.hpp>
#include <freeinit/noise/frequency_filter.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Sizes of a mask, and of the centred spectrum it belongs to.
struct MaskSize {
  std::int64_t frames;
  std::int64_t height;
  std::int64_t width;
};

/// The room that `strict` leaves for rounding where a bin lies exactly on the border.
inline constexpr double kBorderSlack = 1.0 + 1e-12;

/// Squared distances from DC along one axis of `size` bins, stretched by `scale`. `official` takes
/// 2i/N - 1, which is half a bin off for odd N; `strict` counts from the true DC bin N/2.
/// Evaluated in the order of the reference, since float32 results must agree to the last bit.
FREEINIT_INLINE Eigen::ArrayXd squared_axis(std::int64_t size, double scale,
                                            FilterVariant variant) {
  Eigen::ArrayXd squares(size);
  const auto n = static_cast<double>(size);
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t from_centre = i - size / 2;
    const double frequency = variant == FilterVariant::official
                                 ? static_cast<double>(2 * i) / n - 1.0
                                 : static_cast<double>(2 * from_centre) / n;
    squares[i] = python_power(scale * frequency, 2.0);
  }
  return squares;
}

/// Writes response(d2) for every bin of the mask, d2 summed in the order time, height, width.
template <class Response>
void fill_with(const FrequencyFilterOptions& options, const MaskSize& size, float* values,
               const Response& response) {
  const double stretch = options.spatial_stop_frequency / options.temporal_stop_frequency;
  // An axis that the filter does not look at adds nothing to the distance.
  const double in_time = options.axes == FilterAxes::spatial ? 0.0 : stretch;
  const double in_space = options.axes == FilterAxes::temporal ? 0.0 : 1.0;
  const Eigen::ArrayXd time = squared_axis(size.frames, in_time, options.variant);
  const Eigen::ArrayXd rows = squared_axis(size.height, in_space, options.variant);
  const Eigen::ArrayXd columns = squared_axis(size.width, in_space, options.variant);
  for (std::int64_t t = 0; t < size.frames; ++t) {
    for (std::int64_t h = 0; h < size.height; ++h, values += size.width) {
      Eigen::Map<Eigen::ArrayXf> row(values, size.width);
      row = ((time[t] + rows[h]) + columns).unaryExpr(response).template cast<float>();
    }
  }
}

/// 1 / (1 + (d2/d_s^2)^n), rounded to float32 as if Python's pow had been called.
///
/// pow takes most of the time of a mask, so whole orders multiply instead. The product is off by
/// less than `kMargin`; where both ends of that interval round to one float32, pow could not have
/// given another. About one value in a million is too close to call and goes to pow after all.
class ButterworthResponse {
 public:
  ButterworthResponse(double stop_squared, double order)
      : stop_squared_(stop_squared),
        order_(order),
        whole_order_(order <= kLargest && order == std::floor(order) ? static_cast<int>(order)
                                                                     : 0) {}

  double operator()(double d2) const {
    const double ratio = d2 / stop_squared_;
    if (whole_order_ > 0) {
      const double value = 1.0 / (1.0 + whole_power(ratio));
      const auto low = static_cast<float>(value * (1.0 - kMargin));
      if (low == static_cast<float>(value * (1.0 + kMargin))) return low;
    }
    return 1.0 / (1.0 + python_power(ratio, order_));
  }

 private:
  static constexpr double kLargest = 64.0;
  static constexpr double kMargin = 1e-13;  // some 10 times the error of 64 roundings in double

  [[nodiscard]] double whole_power(double base) const {
    double result = 1.0;
    for (int rest = whole_order_; rest > 0; rest /= 2, base *= base) {
      if (rest % 2 == 1) result *= base;
    }
    return result;
  }

  double stop_squared_;
  double order_;
  int whole_order_;  ///< 0 when pow is needed
};

/// The filters that depend on the distance alone.
FREEINIT_INLINE void fill_radial(const FrequencyFilterOptions& options, const MaskSize& size,
                                 float* values) {
  const double stop = options.spatial_stop_frequency;
  const double stop_squared = python_power(stop, 2.0);
  switch (options.method) {
    case FilterMethod::butterworth:
      return fill_with(options, size, values, ButterworthResponse(stop_squared, options.order));
    case FilterMethod::gaussian:
      return fill_with(options, size, values, [factor = -1.0 / (2.0 * stop_squared)](double d2) {
        return std::exp(factor * d2);
      });
    case FilterMethod::ideal: {
      // The reference compares the square with twice the stop frequency: kept, bit by bit.
      const double border =
          options.variant == FilterVariant::official ? stop * 2.0 : stop_squared * kBorderSlack;
      return fill_with(options, size, values,
                       [border](double d2) { return d2 <= border ? 1.0 : 0.0; });
    }
    case FilterMethod::box:
      return;  // not radial
  }
}

/// Bins [first, last) of one axis.
struct BinRange {
  std::int64_t first;
  std::int64_t last;
};

/// The slice [centre - half : centre + half] of a Python sequence: a negative begin counts from the
/// end. `half` is Python's round(), ties to even.
FREEINIT_INLINE BinRange official_box_range(std::int64_t size, std::int64_t half) {
  const std::int64_t centre = size / 2;
  std::int64_t first = centre - half;
  if (first < 0) first = std::max<std::int64_t>(first + size, 0);
  return {first, std::min(centre + half, size)};
}

/// Every bin whose frequency is at most `stop`, on both sides of DC.
FREEINIT_INLINE BinRange strict_box_range(std::int64_t size, double stop) {
  const double reach = std::floor(static_cast<double>(size) * stop * kBorderSlack / 2.0);
  const auto half = static_cast<std::int64_t>(reach);
  return {std::max<std::int64_t>(size / 2 - half, 0), std::min(size / 2 + half + 1, size)};
}

FREEINIT_INLINE void fill_box(const FrequencyFilterOptions& options, const MaskSize& size,
                              float* values) {
  const double d_s = options.spatial_stop_frequency;
  const double d_t = options.temporal_stop_frequency;
  BinRange time = strict_box_range(size.frames, d_t);
  BinRange rows = strict_box_range(size.height, d_s);
  BinRange columns = strict_box_range(size.width, d_s);
  if (options.variant == FilterVariant::official) {
    const auto rounded = [](std::int64_t half_size, double stop) {
      return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(half_size) * stop));
    };
    const std::int64_t spatial = rounded(size.height / 2, d_s);  // of the height, for both axes
    time = official_box_range(size.frames, rounded(size.frames / 2, d_t));
    rows = official_box_range(size.height, spatial);
    columns = official_box_range(size.width, spatial);
  }
  if (options.axes == FilterAxes::spatial) time = {0, size.frames};
  if (options.axes == FilterAxes::temporal) {
    rows = {0, size.height};
    columns = {0, size.width};
  }
  std::fill_n(values, size.frames * size.height * size.width, 0.0F);
  for (std::int64_t t = time.first; t < time.last; ++t) {
    for (std::int64_t h = rows.first; h < rows.last; ++h) {
      float* const row = values + (t * size.height + h) * size.width;
      for (std::int64_t w = columns.first; w < columns.last; ++w) row[w] = 1.0F;
    }
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
