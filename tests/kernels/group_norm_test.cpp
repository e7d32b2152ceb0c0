// Against the definition in double, for every instruction set that this processor has.
#include <freeinit/kernels/group_norm.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernel_values.hpp"

namespace group_norm_test {

using freeinit::kernels::group_norm_kernels;
using freeinit::kernels::GroupNorm;
using freeinit::kernels::GroupNormKernels;
using freeinit::kernels::Parallel;
using freeinit::kernels::Part;
using kernel_values::at_once;
using kernel_values::hash;
using kernel_values::numbers;
using kernel_values::Values;

/// Of the largest value.
constexpr double kTolerance = 3e-7;

std::vector<const GroupNormKernels*> instruction_sets() {
  return kernel_values::kernels_of(group_norm_kernels);
}

struct Case {
  GroupNorm norm{};
  Values input, weight, bias;

  Case(std::int64_t batches, std::int64_t channels, std::int64_t groups, std::int64_t frames,
       std::int64_t pixels, bool silu = true)
      : input(numbers(batches * channels * frames * pixels, 1)),
        weight(numbers(channels, 2)),
        bias(numbers(channels, 3)) {
    norm.batches = batches;
    norm.channels = channels;
    norm.groups = groups;
    norm.frames = frames;
    norm.pixels = pixels;
    norm.epsilon = 1e-5;
    norm.silu = silu;
    norm.frame = pixels;
    norm.channel = frames * pixels;
    norm.batch = channels * frames * pixels;
  }
};

Values solve(const GroupNormKernels& set, const Case& c, const Parallel& parallel = at_once) {
  Values output(c.input.size());
  GroupNorm norm = c.norm;
  norm.input = c.input.data();
  norm.weight = c.weight.data();
  norm.bias = c.bias.data();
  norm.output = output.data();
  normalise(set, norm, parallel);
  return output;
}

/// Of an input without gaps.
std::vector<double> exact(const Case& c) {
  const std::int64_t plane = c.norm.frames * c.norm.pixels;
  const std::int64_t size = c.norm.channels / c.norm.groups * plane;
  std::vector<double> output;
  for (std::int64_t begin = 0; begin < std::ssize(c.input); begin += size) {
    double mean = 0;
    for (std::int64_t i = begin; i < begin + size; ++i)
      mean += c.input[i] / static_cast<double>(size);
    double variance = 0;
    for (std::int64_t i = begin; i < begin + size; ++i)
      variance += (c.input[i] - mean) * (c.input[i] - mean) / static_cast<double>(size);
    for (std::int64_t i = begin; i < begin + size; ++i) {
      const std::int64_t channel = i / plane % c.norm.channels;
      const double y =
          (c.input[i] - mean) / std::sqrt(variance + c.norm.epsilon) * c.weight[channel] +
          c.bias[channel];
      output.push_back(c.norm.silu ? y / (1 + std::exp(-y)) : y);
    }
  }
  return output;
}

double error(const Case& c, const Values& output) {
  const std::vector<double> expected = exact(c);
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < output.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    const double off = std::abs(expected[i] - output[i]);
    difference = off <= difference ? difference : off;  // NaN stays
  }
  return difference / largest;
}

void expect_exact(const Case& c, std::uint64_t bits) {
  for (const GroupNormKernels* const set : instruction_sets()) {
    const Values output = solve(*set, c);
    EXPECT_LT(error(c, output), kTolerance);
    EXPECT_EQ(hash(output), bits);
  }
}

TEST(GroupNorm, IsThatOfTheDefinitionAndTheSameBitsEverywhere) {
  expect_exact(Case(2, 64, 32, 1, 64), 0xc3e56dd8baf8b942U);
  expect_exact(Case(1, 12, 4, 1, 5000), 0x53df2ecf7591e94dU);  // more than is read at once
  expect_exact(Case(2, 12, 4, 3, 35), 0x2a697eacf79ba5b5U);    // rows that are cut
  expect_exact(Case(1, 6, 3, 1, 1), 0x7dd57817ee889085U);
  expect_exact(Case(2, 12, 4, 3, 35, false), 0x233b8ef6136e1e2bU);
}

TEST(GroupNorm, AMeanFarFromZeroTakesNothingAway) {
  for (const GroupNormKernels* const set : instruction_sets()) {
    for (const float mean : {-10.F, 100.F, 1000.F}) {
      Case c(1, 8, 2, 1, 3000);
      for (float& value : c.input) value += mean;
      EXPECT_LT(error(c, solve(*set, c)), kTolerance) << mean;
    }
  }
}

TEST(GroupNorm, PartsChangeNoBit) {
  for (const GroupNormKernels* const set : instruction_sets()) {
    const Case c(3, 12, 4, 2, 70);
    const Values parts = solve(*set, c, [](std::int64_t count, const Part& body) {
      for (std::int64_t i = count; i > 0; --i) body(i - 1, i);
    });
    EXPECT_EQ(parts, solve(*set, c));
  }
}

// Frames [F,C,H,W] of a video, looked at as [C,F,H,W].
TEST(GroupNorm, WhereTheInputLiesChangesNoBit) {
  for (const GroupNormKernels* const set : instruction_sets()) {
    const Case c(2, 12, 4, 3, 35);
    Case turned = c;
    turned.norm.frame = 12 * 35;
    turned.norm.channel = 35;
    for (std::int64_t i = 0; i < std::ssize(c.input); ++i) {
      const std::int64_t plane = i / 35;
      const std::int64_t to = plane / 36 * 36 + plane % 3 * 12 + plane / 3 % 12;
      turned.input[to * 35 + i % 35] = c.input[i];
    }
    EXPECT_EQ(solve(*set, turned), solve(*set, c));
  }
}

TEST(GroupNorm, SiluOfLargeValuesIsFinite) {
  for (const GroupNormKernels* const set : instruction_sets()) {
    Case c(1, 2, 1, 1, 40);
    for (const float factor : {50.F, 90.F, 104.F, 1e4F, 1e30F}) {
      c.bias.assign(2, 0);
      c.weight.assign(2, factor);
      const Values output = solve(*set, c);
      EXPECT_LT(error(c, output), kTolerance);
      EXPECT_TRUE(std::ranges::all_of(output, [](float y) { return y >= -0.3F; }));
    }
  }
}

// Whoever looks for what went wrong must find it in the result.
TEST(GroupNorm, NaNAndInfinityAreNotLost) {
  for (const GroupNormKernels* const set : instruction_sets()) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      for (const bool silu : {false, true}) {
        Case c(1, 4, 2, 1, 40, silu);
        c.input[39] = bad;
        const Values output = solve(*set, c);
        for (std::int64_t i = 0; i < 160; ++i) EXPECT_EQ(std::isnan(output[i]), i < 80) << i;
      }
    }
  }
}

}  // namespace group_norm_test
