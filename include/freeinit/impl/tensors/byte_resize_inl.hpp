#pragma once

#include <freeinit/tensors/resize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

// Resizing of bytes with the results of Pillow's `Image.resize`, to the bit: networks such as DINO
// were trained on its pictures. LibTorch's own kernel for bytes keeps fewer bits of the weights and
// is off by one here and there.

/// The value of a filter at distance `x` from its centre, in units of its scale.
FREEINIT_INLINE double filter_weight(Interpolation interpolation, double x) {
  x = std::abs(x);
  if (interpolation == Interpolation::bilinear) return std::max(0.0, 1.0 - x);
  constexpr double a = -0.5;  // Keys' parameter as Pillow chooses it
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

/// What one output value is made of: inputs `first`, first + 1, ... with fixed-point weights.
struct WeightedRange {
  std::int64_t first = 0;
  std::vector<std::int32_t> weights;
};

inline constexpr int kWeightBits = 22;  // a byte times a weight, summed, still fits 32 bits

/// The part of a resized axis that is wanted: `count` values from `first` on, of `size`.
struct ResizedAxis {
  std::int64_t size = 1;
  std::int64_t first = 0;
  std::int64_t count = 1;
};

FREEINIT_INLINE ResizedAxis whole_axis(std::int64_t size) {
  return {.size = size, .first = 0, .count = size};
}

/// What each wanted value of an axis is made of. Both ends of the ranges ascend.
struct WeightedAxis {
  std::vector<WeightedRange> ranges;

  /// Behind the last input that is needed.
  [[nodiscard]] std::int64_t end() const {
    return ranges.back().first + static_cast<std::int64_t>(ranges.back().weights.size());
  }
};

/// A reduced axis widens the filter by its scale.
FREEINIT_INLINE WeightedAxis weighted_axis(std::int64_t in, const ResizedAxis& out,
                                           Interpolation interpolation) {
  const double scale = static_cast<double>(in) / static_cast<double>(out.size);
  const double widened = std::max(scale, 1.0);
  const double support = widened * (interpolation == Interpolation::bilinear ? 1.0 : 2.0);
  WeightedAxis axis;
  for (std::int64_t i = out.first; i < out.first + out.count; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - support + 0.5));
    const auto end = std::min(in, static_cast<std::int64_t>(centre + support + 0.5));
    std::vector<double> weights;
    double sum = 0.0;
    for (std::int64_t k = first; k < end; ++k) {
      const double distance = (static_cast<double>(k) - centre + 0.5) * (1.0 / widened);
      weights.push_back(filter_weight(interpolation, distance));
      sum += weights.back();
    }
    WeightedRange range{.first = first, .weights = {}};
    for (const double weight : weights) {
      const double fixed = weight / sum * static_cast<double>(1 << kWeightBits);
      range.weights.push_back(static_cast<std::int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
    axis.ranges.push_back(std::move(range));
  }
  return axis;
}

/// One value: inputs that lie `step` bytes apart, from `input` on.
FREEINIT_INLINE std::uint8_t weighted_byte(const std::uint8_t* input, std::int64_t step,
                                           const std::vector<std::int32_t>& weights) {
  std::int32_t sum = 1 << (kWeightBits - 1);
  for (const std::int32_t weight : weights) {
    sum += *input * weight;
    input += step;
  }
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

/// Resizes the middle axis of bytes [outer, in, inner]; rounds to bytes.
FREEINIT_INLINE std::vector<std::uint8_t> resize_byte_axis(const std::uint8_t* bytes,
                                                           std::int64_t outer, std::int64_t in,
                                                           std::int64_t inner,
                                                           const WeightedAxis& axis) {
  const auto out = static_cast<std::int64_t>(axis.ranges.size());
  std::vector<std::uint8_t> resized(static_cast<std::size_t>(outer * out * inner));
  std::uint8_t* value = resized.data();
  for (std::int64_t o = 0; o < outer; ++o) {
    for (const WeightedRange& range : axis.ranges) {
      const std::uint8_t* input = bytes + (o * in + range.first) * inner;
      for (std::int64_t i = 0; i < inner; ++i) {
        *value++ = weighted_byte(input + i, inner, range.weights);
      }
    }
  }
  return resized;
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
