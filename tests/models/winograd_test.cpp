// Against LibTorch's convolution in float64, and in a TorchScript network.
#include <freeinit/models/winograd.hpp>

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>

#include <array>
#include <cmath>
#include <tuple>
#include <vector>

namespace winograd_test {

using freeinit::use_winograd;
using freeinit::winograd_conv2d;

/// Of the largest value. LibTorch's own float32 kernels are within 8e-6 of float64 at the widths of
/// Stable Diffusion; the transforms multiply by up to 8, which may cost three bits.
constexpr double kTolerance = 2e-5;

struct Layer {
  at::Tensor input;
  at::Tensor weight;
  at::Tensor bias;
};

Layer layer(at::IntArrayRef input, std::int64_t channels, std::int64_t kernel = 3) {
  at::manual_seed(7);
  return {at::randn(input),
          at::randn({channels, input[1], kernel, kernel}).div(3.0 * std::sqrt(input[1])),
          at::randn({channels})};
}

double difference(const at::Tensor& value, const at::Tensor& expected) {
  return value.sub(expected).abs().max().div(expected.abs().max()).item<double>();
}

at::Tensor exact(const Layer& l) {
  return at::conv2d(l.input.to(at::kDouble), l.weight.to(at::kDouble), l.bias.to(at::kDouble), 1,
                    1);
}

class Shapes : public testing::TestWithParam<std::tuple<std::vector<std::int64_t>, std::int64_t>> {
};

TEST_P(Shapes, GiveWhatFloat64Gives) {
  const auto& [input, channels] = GetParam();
  const Layer l = layer(input, channels);
  const at::Tensor output = winograd_conv2d(l.input, l.weight, l.bias);
  EXPECT_EQ(output.sizes(), exact(l).sizes());
  EXPECT_LT(difference(output, exact(l)), kTolerance);
  EXPECT_FALSE(output.equal(at::conv2d(l.input, l.weight, l.bias, 1, 1))) << "not Winograd's";
}

INSTANTIATE_TEST_SUITE_P(
    Winograd, Shapes,
    testing::Values(std::make_tuple(std::vector<std::int64_t>{2, 32, 16, 16}, 32),
                    std::make_tuple(std::vector<std::int64_t>{3, 50, 13, 7}, 70),   // cut tiles
                    std::make_tuple(std::vector<std::int64_t>{1, 33, 1, 2}, 32),    // one tile
                    std::make_tuple(std::vector<std::int64_t>{1, 32, 5, 130}, 40),  // two strips
                    std::make_tuple(std::vector<std::int64_t>{2, 320, 128, 128},
                                    32),  // two groups of rows
                    std::make_tuple(std::vector<std::int64_t>{2, 640, 8, 8},
                                    640)));  // three blocks

TEST(Winograd, TakesTensorsThatAreNotContiguousAndNoBias) {
  const Layer l = layer({2, 32, 9, 9}, 32);
  const at::Tensor turned = l.input.transpose(2, 3).contiguous().transpose(2, 3);
  EXPECT_TRUE(winograd_conv2d(turned, l.weight, {}).equal(winograd_conv2d(l.input, l.weight, {})));
  EXPECT_LT(
      difference(winograd_conv2d(l.input, l.weight, {}), exact(l).sub(l.bias.view({1, -1, 1, 1}))),
      kTolerance);
}

TEST(Winograd, LeavesTheRestToLibTorch) {
  const std::array layers{layer({2, 4, 8, 8}, 32), layer({2, 32, 8, 8}, 4),
                          layer({2, 32, 8, 8}, 32, 5)};
  for (const Layer& l : layers) {
    EXPECT_TRUE(winograd_conv2d(l.input, l.weight, l.bias)
                    .equal(at::conv2d(l.input, l.weight, l.bias, 1, 1)));
  }
  const Layer l = layer({2, 32, 8, 8}, 32);
  EXPECT_TRUE(
      winograd_conv2d(l.input.to(at::kDouble), l.weight.to(at::kDouble), l.bias.to(at::kDouble))
          .equal(exact(l)));
  EXPECT_THROW((void)winograd_conv2d(at::zeros({1, 40, 8, 8}), l.weight, l.bias), c10::Error);
  EXPECT_THROW((void)winograd_conv2d(l.input, l.weight, at::zeros({3})), c10::Error);
}

/// As tracing writes it.
torch::jit::Module network(const Layer& l, const std::string& stride, const std::string& groups) {
  torch::jit::Module module("network");
  module.register_parameter("weight", l.weight, false);
  module.register_parameter("bias", l.bias, false);
  module.define("def forward(self, x):\n  return torch._convolution(x, self.weight, self.bias, " +
                stride + ", [1, 1], [1, 1], False, [0, 0], " + groups +
                ", False, False, True, True)\n");
  return module;
}

TEST(Winograd, IsExchangedForTheConvolutionsOfANetwork) {
  const c10::InferenceMode guard;
  const Layer l = layer({2, 32, 8, 8}, 32);
  torch::jit::Module module = network(l, "[1, 1]", "1");
  EXPECT_EQ(use_winograd(module), 1U);
  EXPECT_EQ(use_winograd(module), 0U) << "a second time";
  EXPECT_TRUE(
      module.forward({l.input}).toTensor().equal(winograd_conv2d(l.input, l.weight, l.bias)));
}

TEST(Winograd, OtherConvolutionsOfANetworkStay) {
  const Layer l = layer({2, 32, 8, 8}, 32);
  EXPECT_EQ(use_winograd(network(l, "[2, 2]", "1")), 0U);
  EXPECT_EQ(use_winograd(network(l, "[1, 1]", "2")), 0U);
}

}  // namespace winograd_test
