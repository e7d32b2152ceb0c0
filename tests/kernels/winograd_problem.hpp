#pragma once

// Convolutions of numbers, what they are by definition, and what the kernels give for them.

#include <freeinit/kernels/winograd.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernel_values.hpp"

namespace winograd_problem {

using freeinit::kernels::convolve;
using freeinit::kernels::DoubledConvolution;
using freeinit::kernels::FrameConvolution;
using freeinit::kernels::ImageConvolution;
using freeinit::kernels::instruction_set;
using freeinit::kernels::InstructionSet;
using freeinit::kernels::Operands;
using freeinit::kernels::Parallel;
using freeinit::kernels::Part;
using freeinit::kernels::workspace_size;
using kernel_values::at_once;
using kernel_values::hash;
using kernel_values::numbers;
using kernel_values::Values;

/// Of the largest value; the transforms multiply by up to 8, which may cost three bits.
inline constexpr double kTolerance = 2e-5;

inline std::vector<const InstructionSet*> instruction_sets() {
  return kernel_values::kernels_of(instruction_set);
}

/// What tells images and videos apart.
inline std::int64_t batch(const ImageConvolution& c) {
  return c.images;
}
inline std::int64_t batch(const DoubledConvolution& c) {
  return c.images;
}
inline std::int64_t batch(const FrameConvolution& c) {
  return c.videos;
}
inline std::int64_t size(const ImageConvolution& c) {
  return c.height * c.width;
}
inline std::int64_t size(const DoubledConvolution& c) {
  return 4 * c.height * c.width;
}
inline std::int64_t size(const FrameConvolution& c) {
  return c.frames * c.pixels;
}
inline std::int64_t taps(const ImageConvolution&) {
  return 9;
}
inline std::int64_t taps(const DoubledConvolution&) {
  return 9;
}
inline std::int64_t taps(const FrameConvolution&) {
  return 3;
}
template <class Shape>
std::int64_t input_size(const Shape& c) {
  return size(c);
}
inline std::int64_t input_size(const DoubledConvolution& c) {
  return c.height * c.width;
}

/// The sum of the products of one channel for place `i`.
inline double sum(const ImageConvolution& c, const float* input, const float* kernel,
                  std::int64_t i) {
  double sum = 0;
  for (std::int64_t tap = 0; tap < 9; ++tap) {
    const std::int64_t y = i / c.width + tap / 3 - 1;
    const std::int64_t x = i % c.width + tap % 3 - 1;
    if (y < 0 || y >= c.height || x < 0 || x >= c.width) continue;
    sum += double{input[y * c.width + x]} * kernel[tap];
  }
  return sum;
}
inline double sum(const FrameConvolution& c, const float* input, const float* kernel,
                  std::int64_t i) {
  double sum = 0;
  for (std::int64_t tap = 0; tap < 3; ++tap) {
    const std::int64_t at = i + (tap - 1) * c.pixels;
    if (at >= 0 && at < size(c)) sum += double{input[at]} * kernel[tap];
  }
  return sum;
}

/// A convolution of numbers.
template <class Shape>
struct Problem {
  explicit Problem(const Shape& of)
      : shape(of),
        input(numbers(batch(of) * of.in_channels * input_size(of), 1)),
        weight(numbers(of.out_channels * of.in_channels * taps(of), 2)),
        bias(numbers(of.out_channels, 3)) {}

  /// The largest difference from the definition, as a part of the largest value.
  [[nodiscard]] double error(const Values& output) const {
    double largest = 0;
    double difference = 0;
    for (std::int64_t o = 0; o < std::ssize(output); ++o) {
      const std::int64_t plane = o / size(shape);
      const std::int64_t channel = plane % shape.out_channels;
      const std::int64_t image = plane / shape.out_channels;
      double value = bias[channel];
      for (std::int64_t c = 0; c < shape.in_channels; ++c) {
        value += sum(shape, &input[(image * shape.in_channels + c) * size(shape)],
                     &weight[(channel * shape.in_channels + c) * taps(shape)], o % size(shape));
      }
      largest = std::max(largest, std::abs(value));
      difference = std::max(difference, std::abs(value - output[o]));
    }
    return difference / largest;
  }

  Shape shape;
  Values input;
  Values weight;
  Values bias;
};

/// What the kernels give; `change` may put other operands.
template <class Shape, class Change>
Values solve(const InstructionSet& set, const Problem<Shape>& problem, const Parallel& parallel,
             const Change& change) {
  const Shape& shape = problem.shape;
  Values output(static_cast<std::size_t>(batch(shape) * shape.out_channels * size(shape)));
  Values workspace(static_cast<std::size_t>(workspace_size(shape)), NAN);
  Operands operands{.input = problem.input.data(),
                    .weight = problem.weight.data(),
                    .bias = problem.bias.data(),
                    .output = output.data(),
                    .workspace = workspace.data()};
  change(operands);
  convolve(set, shape, operands, parallel);
  return output;
}

template <class Shape>
Values solve(const InstructionSet& set, const Problem<Shape>& problem,
             const Parallel& parallel = at_once) {
  return solve(set, problem, parallel, [](Operands&) {});
}

}  // namespace winograd_problem
