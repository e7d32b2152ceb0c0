// Against the definition in double, for every instruction set that this processor has.
#include "winograd_problem.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <thread>
#include <vector>

namespace winograd_problem {
namespace {

template <class Shape>
void expect_exact(const Shape& shape, std::uint64_t bits) {
  const Problem<Shape> problem(shape);
  for (const InstructionSet* const set : instruction_sets()) {
    const Values output = solve(*set, problem);
    EXPECT_LT(problem.error(output), kTolerance);
    EXPECT_EQ(hash(output), bits);
  }
}

// Hashes: of earlier kernels, from before a change that was to keep the bits.
TEST(WinogradKernels, ImagesAreTheDefinitionAndTheSameBitsEverywhere) {
  expect_exact(ImageConvolution{2, 32, 32, 16, 16}, 0xadd9d508631c1865U);
  expect_exact(ImageConvolution{3, 50, 70, 13, 7}, 0x3f284a2ab238f37dU);   // cut tiles
  expect_exact(ImageConvolution{1, 1, 1, 1, 2}, 0xe4820e11da27dad2U);      // one tile
  expect_exact(ImageConvolution{1, 32, 40, 5, 130}, 0x79c469cfcb0ccbe3U);  // two strips
  expect_exact(ImageConvolution{2, 300, 61, 8, 8},
               0xa161f8aed461f182U);  // partial sums, blocks, some rows left
  expect_exact(ImageConvolution{1, 640, 2, 60, 60}, 0x2883584a85b3becfU);
  expect_exact(ImageConvolution{1, 32, 48, 70, 70}, 0x8d5d2dab735eaf8dU);
  expect_exact(ImageConvolution{1, 32, 48, 89, 90}, 0x6589e721898198abU);  // groups of strips
  expect_exact(ImageConvolution{1, 3, 400, 9, 33}, 0x6efe29394e69fe68U);   // blocks
  expect_exact(ImageConvolution{1, 1281, 67, 7, 11},
               0x624c3d33588c93e8U);  // kernels that are not kept
}

TEST(WinogradKernels, VideosAreTheDefinitionAndTheSameBitsEverywhere) {
  expect_exact(FrameConvolution{2, 32, 32, 8, 64}, 0xa2e334d130358467U);
  expect_exact(FrameConvolution{3, 50, 70, 5, 39}, 0xf622b580d622620eU);  // cut tiles
  expect_exact(FrameConvolution{1, 33, 32, 1, 1}, 0x4f56d5665651deeaU);   // one value
  expect_exact(FrameConvolution{2, 300, 61, 8, 32},
               0xf436f8a15e7debd3U);  // partial sums, blocks, some rows left
  expect_exact(FrameConvolution{1, 640, 2, 13, 300}, 0xdb649c8b09113b12U);
  expect_exact(FrameConvolution{1, 32, 48, 13, 600}, 0xc250d662487c719fU);
  expect_exact(FrameConvolution{1, 32, 48, 13, 700}, 0x0feb52a9a2d335e6U);  // groups of strips
  expect_exact(FrameConvolution{1, 1537, 330, 4, 5},
               0x005f9126ef353c20U);  // kernels that are not kept
}

// Of more channels than kernels are kept of.
TEST(WinogradKernels, GroupsWithKernelsTransformedAnewChangeNoBit) {
  const Problem problem(ImageConvolution{18, 1281, 67, 16, 16});
  Problem last(ImageConvolution{1, 1281, 67, 16, 16});
  last.input.assign(problem.input.end() - std::ssize(last.input), problem.input.end());
  for (const InstructionSet* const set : instruction_sets()) {
    const Values output = solve(*set, problem);
    const Values alone = solve(*set, last);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), output.end() - std::ssize(alone)));
  }
}

/// The same convolution, of images that are doubled beforehand.
Problem<ImageConvolution> larger(const Problem<DoubledConvolution>& problem) {
  const DoubledConvolution& c = problem.shape;
  Problem<ImageConvolution> larger(
      {c.images, c.in_channels, c.out_channels, 2 * c.height, 2 * c.width});
  larger.weight = problem.weight;
  larger.bias = problem.bias;
  larger.input.clear();
  for (auto row = problem.input.begin(); row != problem.input.end(); row += c.width) {
    for (int twice = 0; twice < 2; ++twice) {
      for (auto pixel = row; pixel != row + c.width; ++pixel)
        larger.input.insert(larger.input.end(), 2, *pixel);
    }
  }
  return larger;
}

void expect_bits_of_larger(const Problem<DoubledConvolution>& problem) {
  for (const InstructionSet* const set : instruction_sets())
    EXPECT_EQ(hash(solve(*set, problem)), hash(solve(*set, larger(problem))));
}

TEST(WinogradKernels, DoubledImagesGiveTheBitsOfLargerOnes) {
  for (const DoubledConvolution shape : {
           DoubledConvolution{2, 32, 32, 8, 8}, DoubledConvolution{3, 50, 70, 7, 5},  // cut tiles
           DoubledConvolution{1, 1, 1, 1, 1},                                         // one pixel
           DoubledConvolution{2, 3, 4, 1, 6},                                         // one row
           DoubledConvolution{1, 32, 40, 3, 65},                                      // two strips
           DoubledConvolution{2, 300, 61, 4, 4},   // partial sums, blocks, some rows left
           DoubledConvolution{1, 32, 48, 52, 52},  // groups of strips
           DoubledConvolution{1, 1281, 95, 3, 2},  // kernels that are not kept
       }) {
    expect_bits_of_larger(Problem(shape));
  }
}

// Sums are of negative products that vanish, -0, but for those of the plane that is left out, 0.
TEST(WinogradKernels, DoubledImagesKeepTheSignsOfZeros) {
  Problem problem(DoubledConvolution{1, 1, 1, 8, 8});
  for (std::size_t i = 0; i < problem.input.size(); ++i)
    problem.input[i] = 1e-25F * static_cast<float>((1 + i % 2) * (1 + i / 8 % 2));
  for (std::size_t tap = 0; tap < problem.weight.size(); ++tap)
    problem.weight[tap] = -1e-25F * (tap % 3 == 1 ? 1.0F : 0.1F) * (tap / 3 == 1 ? 1.0F : 0.1F);
  problem.bias[0] = -0.0F;
  for (const InstructionSet* const set : instruction_sets())
    EXPECT_TRUE(std::ranges::all_of(solve(*set, problem), [](float v) { return v == 0; }));
  expect_bits_of_larger(problem);
}

TEST(WinogradKernels, DoubledImagesTakeHalfWeightsAndNoBias) {
  const Problem problem(DoubledConvolution{1, 35, 33, 5, 6});
  std::vector<std::uint16_t> halves(problem.weight.size());
  for (std::size_t i = 0; i < halves.size(); ++i)  // 2^-5 to 2^0, of both signs
    halves[i] = static_cast<std::uint16_t>((i % 2) << 15 | (10 + i % 6) << 10 | i * 37 % 1024);
  const auto change = [&](Operands& operands) {
    operands.weight = nullptr;
    operands.half_weight = halves.data();
    operands.bias = nullptr;
  };
  for (const InstructionSet* const set : instruction_sets()) {
    const Values output = solve(*set, problem, at_once, change);
    EXPECT_EQ(hash(output), hash(solve(*set, larger(problem), at_once, change)));
    EXPECT_NE(hash(output), hash(solve(*set, problem)));
  }
}

TEST(WinogradKernels, PartsInAnyOrderChangeNoBit) {
  const Problem problem(ImageConvolution{2, 150, 110, 20, 20});
  const auto one_by_one = [](std::int64_t count, const Part& body) {
    for (std::int64_t i = count; i > 0; --i) body(i - 1, i);
  };
  for (const InstructionSet* const set : instruction_sets())
    EXPECT_EQ(solve(*set, problem, one_by_one), solve(*set, problem));
  const Problem doubled(DoubledConvolution{2, 40, 50, 10, 9});
  for (const InstructionSet* const set : instruction_sets())
    EXPECT_EQ(solve(*set, doubled, one_by_one), solve(*set, doubled));
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
}  // namespace winograd_problem
