// Against the definition in double, for every instruction set that this processor has.
#include <freeinit/kernels/winograd.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using freeinit::kernels::convolve;
using freeinit::kernels::FrameConvolution;
using freeinit::kernels::ImageConvolution;
using freeinit::kernels::instruction_set;
using freeinit::kernels::InstructionSet;
using freeinit::kernels::Operands;
using freeinit::kernels::Parallel;
using freeinit::kernels::Part;
using freeinit::kernels::workspace_size;

using Values = std::vector<float>;

/// Of the largest value; the transforms multiply by up to 8, which may cost three bits.
constexpr double kTolerance = 2e-5;

std::vector<const InstructionSet*> instruction_sets() {
  std::vector<const InstructionSet*> sets;
  for (const char* const capability : {"AVX512", "AVX2"}) {
    const InstructionSet* const set = instruction_set(capability);
    if (set != nullptr && (sets.empty() || sets.back() != set)) sets.push_back(set);
  }
  return sets;
}

/// Numbers in -1..1, the same everywhere.
Values numbers(std::int64_t count, std::uint32_t seed) {
  Values values(static_cast<std::size_t>(count));
  for (float& value : values) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(static_cast<std::int32_t>(seed) >> 8) * 0x1p-23F;
  }
  return values;
}

/// FNV-1a of the bits.
std::uint64_t hash(const Values& values) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8)
      hash = (hash ^ (bits >> shift & 0xffU)) * 0x100000001b3U;
  }
  return hash;
}

/// What tells images and videos apart.
std::int64_t batch(const ImageConvolution& c) {
  return c.images;
}
std::int64_t batch(const FrameConvolution& c) {
  return c.videos;
}
std::int64_t size(const ImageConvolution& c) {
  return c.height * c.width;
}
std::int64_t size(const FrameConvolution& c) {
  return c.frames * c.pixels;
}
std::int64_t taps(const ImageConvolution&) {
  return 9;
}
std::int64_t taps(const FrameConvolution&) {
  return 3;
}

/// The sum of the products of one channel for place `i`.
double sum(const ImageConvolution& c, const float* input, const float* kernel, std::int64_t i) {
  double sum = 0;
  for (std::int64_t tap = 0; tap < 9; ++tap) {
    const std::int64_t y = i / c.width + tap / 3 - 1;
    const std::int64_t x = i % c.width + tap % 3 - 1;
    if (y < 0 || y >= c.height || x < 0 || x >= c.width) continue;
    sum += double{input[y * c.width + x]} * kernel[tap];
  }
  return sum;
}
double sum(const FrameConvolution& c, const float* input, const float* kernel, std::int64_t i) {
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
        input(numbers(batch(of) * of.in_channels * size(of), 1)),
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

void at_once(std::int64_t count, const Part& body) {
  body(0, count);
}

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

template <class Shape>
void expect_exact(const Shape& shape, std::uint64_t bits) {
  const Problem<Shape> problem(shape);
  for (const InstructionSet* const set : instruction_sets()) {
    const Values output = solve(*set, problem);
    EXPECT_LT(problem.error(output), kTolerance);
    EXPECT_EQ(hash(output), bits);
  }
}

// Hashes: of the first kernels, before they were written with Highway.
TEST(WinogradKernels, ImagesAreTheDefinitionAndTheSameBitsEverywhere) {
  expect_exact(ImageConvolution{2, 32, 32, 16, 16}, 0xadd9d508631c1865U);
  expect_exact(ImageConvolution{3, 50, 70, 13, 7}, 0x3f284a2ab238f37dU);   // cut tiles
  expect_exact(ImageConvolution{1, 1, 1, 1, 2}, 0xe4820e11da27dad2U);      // one tile
  expect_exact(ImageConvolution{1, 32, 40, 5, 130}, 0x79c469cfcb0ccbe3U);  // two strips
  expect_exact(ImageConvolution{2, 300, 61, 8, 8},
               0xa161f8aed461f182U);  // partial sums, blocks, some rows left
  expect_exact(ImageConvolution{1, 640, 2, 60, 60}, 0x2883584a85b3becfU);  // groups of strips
}

TEST(WinogradKernels, VideosAreTheDefinitionAndTheSameBitsEverywhere) {
  expect_exact(FrameConvolution{2, 32, 32, 8, 64}, 0xa2e334d130358467U);
  expect_exact(FrameConvolution{3, 50, 70, 5, 39}, 0xf622b580d622620eU);  // cut tiles
  expect_exact(FrameConvolution{1, 33, 32, 1, 1}, 0x4f56d5665651deeaU);   // one value
  expect_exact(FrameConvolution{2, 300, 61, 8, 32},
               0xf436f8a15e7debd3U);  // partial sums, blocks, some rows left
  expect_exact(FrameConvolution{1, 640, 2, 13, 300}, 0xdb649c8b09113b12U);  // groups of strips
}

TEST(WinogradKernels, PartsInAnyOrderChangeNoBit) {
  const Problem problem(ImageConvolution{2, 40, 50, 20, 20});
  const auto one_by_one = [](std::int64_t count, const Part& body) {
    for (std::int64_t i = count; i > 0; --i) body(i - 1, i);
  };
  for (const InstructionSet* const set : instruction_sets())
    EXPECT_EQ(solve(*set, problem, one_by_one), solve(*set, problem));
}

// Parts of one convolution on threads of their own, and several convolutions of the same weights.
TEST(WinogradKernels, EightThreadsChangeNoBit) {
  const Problem problem(ImageConvolution{2, 40, 50, 20, 20});
  const Problem video(FrameConvolution{2, 40, 50, 6, 33});
  const auto apart = [](std::int64_t count, const Part& body) {
    std::vector<std::jthread> threads;
    for (std::int64_t i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i, i + 1); });
  };
  for (const InstructionSet* const set : instruction_sets()) {
    EXPECT_EQ(solve(*set, problem, apart), solve(*set, problem));
    EXPECT_EQ(solve(*set, video, apart), solve(*set, video));
    const Values alone = solve(*set, problem);
    std::vector<Values> together(8);
    {
      std::vector<std::jthread> threads;
      for (Values& output : together) {
        threads.emplace_back([&] { output = solve(*set, problem); });
      }
    }
    for (const Values& output : together) EXPECT_EQ(output, alone);
  }
}

TEST(WinogradKernels, HalfWeightsAreWidened) {
  // Numbers of float16, as bits: 2^-15 to 2^15, a subnormal, both zeros.
  Problem problem(ImageConvolution{1, 35, 33, 6, 6});
  std::vector<std::uint16_t> halves;
  for (float& weight : problem.weight) {
    const auto place = static_cast<std::uint16_t>(halves.size());
    const std::uint16_t exponent = 10 + place % 6;
    const std::uint16_t fraction = place * 37 % 1024;
    halves.push_back(static_cast<std::uint16_t>((place % 2) << 15 | exponent << 10 | fraction));
    weight = std::ldexp(1.0F + static_cast<float>(fraction) / 1024, exponent - 15);
    if (place % 2 == 1) weight = -weight;
  }
  halves[0] = 3;  // subnormal
  problem.weight[0] = 0x3p-24F;
  halves[1] = 0x8000;
  problem.weight[1] = -0.0F;
  for (const InstructionSet* const set : instruction_sets()) {
    const Values narrow = solve(*set, problem, at_once, [&](Operands& operands) {
      operands.weight = nullptr;
      operands.half_weight = halves.data();
    });
    EXPECT_EQ(narrow, solve(*set, problem));
  }
}

TEST(WinogradKernels, NoBiasIsABiasOfZero) {
  Problem problem(FrameConvolution{1, 8, 5, 6, 33});
  std::ranges::fill(problem.bias, 0.0F);
  for (const InstructionSet* const set : instruction_sets()) {
    EXPECT_EQ(solve(*set, problem, at_once, [](Operands& operands) { operands.bias = nullptr; }),
              solve(*set, problem));
  }
}

TEST(WinogradKernels, CapabilityIsTheUpperBound) {
#ifdef __x86_64__
  EXPECT_EQ(instruction_set("DEFAULT"), nullptr);
  EXPECT_EQ(instruction_set(""), nullptr);
  EXPECT_EQ(instruction_set("AVX2") != nullptr, __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(instruction_set("AVX512") != instruction_set("AVX2"),
            __builtin_cpu_supports("avx512bw") != 0);
#else
  EXPECT_EQ(instruction_set("DEFAULT"), instruction_set("AVX512"));
#endif
}

}  // namespace
