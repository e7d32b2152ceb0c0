// Against LibTorch's convolution in float64, and in a TorchScript network. The kernels themselves
// are tested in tests/kernels. Run again with ATEN_CPU_CAPABILITY=avx2, for the kernels of that
// instruction set, and =default, where there are none.
#include "support/allocation_counter.hpp"

#include <freeinit/impl/networks/backends/winograd_graph_inl.hpp>

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/record_function.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace winograd_test {

using freeinit::detail::winograd_conv2d;
using freeinit::detail::winograd_temporal_conv;

/// By value: a copy of a module is the same network.
std::size_t use_winograd(torch::jit::Module module) {
  return freeinit::detail::use_winograd(module);
}

/// Of the largest value. LibTorch's own float32 kernels are within 8e-6 of float64 at the widths of
/// Stable Diffusion; the transforms multiply by up to 8, which may cost three bits.
constexpr double kTolerance = 2e-5;

/// Whether there are kernels for what LibTorch takes the processor for.
bool has_kernels() {
  return at::get_cpu_capability() != "DEFAULT";
}

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
  EXPECT_NE(output.equal(at::conv2d(l.input, l.weight, l.bias, 1, 1)), has_kernels());
}

INSTANTIATE_TEST_SUITE_P(
    Winograd, Shapes,
    testing::Values(std::make_tuple(std::vector<std::int64_t>{2, 32, 16, 16}, 32),
                    std::make_tuple(std::vector<std::int64_t>{3, 50, 13, 7}, 70),   // cut tiles
                    std::make_tuple(std::vector<std::int64_t>{1, 33, 1, 2}, 32),    // one tile
                    std::make_tuple(std::vector<std::int64_t>{1, 32, 5, 130}, 40),  // two strips
                    std::make_tuple(std::vector<std::int64_t>{2, 320, 128, 128},
                                    32),  // groups of strips
                    std::make_tuple(std::vector<std::int64_t>{2, 640, 8, 8},
                                    100)));  // partial sums, blocks, some rows left

Layer temporal_layer(at::IntArrayRef input, std::int64_t channels) {
  at::manual_seed(7);
  return {at::randn(input), at::randn({channels, input[1], 3, 1, 1}).div(std::sqrt(3.0 * input[1])),
          at::randn({channels})};
}

class Videos : public Shapes {};

TEST_P(Videos, GiveWhatFloat64Gives) {
  const auto& [input, channels] = GetParam();
  const Layer l = temporal_layer(input, channels);
  const std::array<std::int64_t, 3> padding{1, 0, 0};
  const at::Tensor output = winograd_temporal_conv(l.input, l.weight, l.bias);
  const at::Tensor exact = at::conv3d(l.input.to(at::kDouble), l.weight.to(at::kDouble),
                                      l.bias.to(at::kDouble), 1, padding);
  EXPECT_EQ(output.sizes(), exact.sizes());
  EXPECT_LT(difference(output, exact), kTolerance);
  EXPECT_NE(output.equal(at::conv3d(l.input, l.weight, l.bias, 1, padding)), has_kernels());
}

INSTANTIATE_TEST_SUITE_P(
    Winograd, Videos,
    testing::Values(std::make_tuple(std::vector<std::int64_t>{2, 32, 8, 8, 8}, 32),
                    std::make_tuple(std::vector<std::int64_t>{3, 50, 5, 3, 13}, 70),  // cut tiles
                    std::make_tuple(std::vector<std::int64_t>{1, 33, 1, 1, 1}, 32),   // one value
                    std::make_tuple(std::vector<std::int64_t>{1, 320, 29, 33, 32},
                                    32),  // groups of strips
                    std::make_tuple(std::vector<std::int64_t>{2, 640, 8, 4, 8},
                                    100)));  // partial sums, blocks, some rows left

TEST(Winograd, KernelsInFloat16AreThoseThatTheyWidenTo) {
  const Layer image = layer({2, 40, 9, 9}, 50);
  const at::Tensor narrow = image.weight.to(at::kHalf);
  EXPECT_TRUE(winograd_conv2d(image.input, narrow, image.bias)
                  .equal(winograd_conv2d(image.input, narrow.to(at::kFloat), image.bias)));
  const Layer video = temporal_layer({2, 40, 5, 3, 3}, 50);
  const at::Tensor narrow_taps = video.weight.to(at::kHalf);
  EXPECT_TRUE(
      winograd_temporal_conv(video.input, narrow_taps, video.bias)
          .equal(winograd_temporal_conv(video.input, narrow_taps.to(at::kFloat), video.bias)));
}

TEST(Winograd, AsksForNothingButTheResultAfterTheFirstCall) {
  if (!has_kernels()) GTEST_SKIP();
  const Layer image = layer({2, 40, 9, 9}, 50);
  const Layer video = temporal_layer({2, 40, 5, 3, 3}, 50);
  const at::Tensor narrow = image.weight.to(at::kHalf);
  const auto call = [&] {
    (void)winograd_conv2d(image.input, image.weight, image.bias);
    (void)winograd_conv2d(image.input, narrow, image.bias);
    (void)winograd_temporal_conv(video.input, video.weight, video.bias);
  };
  call();
  const AllocationCounter counter;
  call();
  EXPECT_EQ(counter.count(), 3);
}

std::ptrdiff_t num_threads_of_process() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

TEST(Winograd, ThreadsAreUsedAndChangeNoBit) {
  if (!has_kernels()) GTEST_SKIP();  // LibTorch's own convolution then chooses its threads
  const Layer l = layer({2, 64, 20, 20}, 60);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor alone = winograd_conv2d(l.input, l.weight, l.bias);
  at::set_num_threads(4);
  at::Tensor together;
  std::thread fresh([&] {  // has no team of OpenMP's threads yet, whatever ran before
    const auto before = num_threads_of_process();
    together = winograd_conv2d(l.input, l.weight, l.bias);
    EXPECT_GT(num_threads_of_process(), before);
  });
  fresh.join();
  at::set_num_threads(threads);
  EXPECT_TRUE(together.equal(alone));
}

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
  const Layer few = temporal_layer({2, 4, 5, 3, 3}, 32);
  EXPECT_TRUE(winograd_temporal_conv(few.input, few.weight, few.bias)
                  .equal(at::conv3d(few.input, few.weight, few.bias, 1, at::IntArrayRef{1, 0, 0})));
}

/// A network of one layer, `body` of which tracing might write.
torch::jit::Module network(const Layer& l, const std::string& body) {
  torch::jit::Module module("network");
  module.register_parameter("weight", l.weight, false);
  module.register_parameter("bias", l.bias, false);
  module.define("def forward(self, x):\n  return " + body + "\n");
  return module;
}

std::string convolution(const std::string& ones, const std::string& padding,
                        const std::string& groups, const std::string& weight = "self.weight") {
  return "torch._convolution(x, " + weight + ", self.bias, " + ones + ", " + padding + ", " + ones +
         ", False, [0, 0], " + groups + ", False, False, True, True)";
}

TEST(Winograd, IsExchangedForTheConvolutionsOfANetwork) {
  const c10::InferenceMode guard;
  const Layer l = layer({2, 32, 8, 8}, 32);
  torch::jit::Module module = network(l, convolution("[1, 1]", "[1, 1]", "1"));
  EXPECT_EQ(use_winograd(module), 1U);
  EXPECT_EQ(use_winograd(module), 0U) << "a second time";
  EXPECT_TRUE(
      module.forward({l.input}).toTensor().equal(winograd_conv2d(l.input, l.weight, l.bias)));
}

TEST(Winograd, IsExchangedForThoseAlongFrames) {
  const c10::InferenceMode guard;
  const Layer l = temporal_layer({2, 32, 5, 4, 4}, 32);
  torch::jit::Module module = network(l, convolution("[1, 1, 1]", "[1, 0, 0]", "1"));
  EXPECT_EQ(use_winograd(module), 1U);
  EXPECT_TRUE(module.forward({l.input}).toTensor().equal(
      winograd_temporal_conv(l.input, l.weight, l.bias)));
}

TEST(Winograd, IsExchangedForThoseThatWereScripted) {
  const Layer image = layer({2, 32, 8, 8}, 32);
  const std::string plain = "torch.conv2d(x, self.weight, self.bias, [1, 1], [1, 1], [1, 1], ";
  EXPECT_EQ(use_winograd(network(image, plain + "1)")), 1U);
  EXPECT_EQ(use_winograd(network(image, plain + "2)")), 0U);
  const Layer video = temporal_layer({2, 32, 5, 4, 4}, 32);
  EXPECT_EQ(use_winograd(network(video,
                                 "torch.conv3d(x, self.weight, self.bias, [1, 1, 1], [1, 0, 0], "
                                 "[1, 1, 1], 1)")),
            1U);
}

TEST(Winograd, ProfilersSeeItByName) {
  static int calls = 0;  // a callback carries no state
  const auto count = [](const at::RecordFunction& function) {
    if (function.name() == std::string("freeinit::winograd_conv2d")) ++calls;
    return std::unique_ptr<at::ObserverContext>();
  };
  const Layer l = layer({2, 32, 8, 8}, 32);
  torch::jit::Module module = network(l, convolution("[1, 1]", "[1, 1]", "1"));
  use_winograd(module);
  const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(count));
  module.forward({l.input});
  at::removeCallback(handle);
  EXPECT_EQ(calls, 1);
}

TEST(Winograd, OtherConvolutionsOfANetworkStay) {
  const Layer l = layer({2, 32, 8, 8}, 32);
  EXPECT_EQ(use_winograd(network(l, convolution("[2, 2]", "[1, 1]", "1"))), 0U);
  EXPECT_EQ(use_winograd(network(l, convolution("[1, 1]", "[0, 0]", "1"))), 0U);
  EXPECT_EQ(use_winograd(network(l, convolution("[1, 1]", "[1, 1]", "2"))), 0U);
  EXPECT_EQ(use_winograd(network(l, convolution("[1, 1, 1]", "[1, 1, 1]", "1"))), 0U);
}

TEST(Winograd, AWeightThatIsWidenedStaysNarrow) {
  const c10::InferenceMode guard;
  Layer l = layer({2, 32, 8, 8}, 32);
  l.weight = l.weight.to(at::kHalf);
  torch::jit::Module module = network(l, convolution("[1, 1]", "[1, 1]", "1", "self.weight.to(6)"));
  EXPECT_EQ(use_winograd(module), 1U);
  EXPECT_EQ(module.get_method("forward").graph()->toString().find("aten::to("), std::string::npos);
  EXPECT_TRUE(
      module.forward({l.input}).toTensor().equal(winograd_conv2d(l.input, l.weight, l.bias)));
}

/// Queries [2,3,S,40] and keys and values [2,3,K,40] as linear layers leave them.
struct Sequences {
  at::Tensor queries, keys, values;
};

Sequences sequences(std::int64_t num_queries, std::int64_t num_keys) {
  at::manual_seed(7);
  const auto rows = [](std::int64_t n) { return at::randn({2, n, 3, 40}).transpose(1, 2); };
  return {rows(num_queries), rows(num_keys), rows(num_keys)};
}

torch::jit::Module attention_network(const std::string& options) {
  torch::jit::Module module("network");
  module.define("def forward(self, q, k, v):\n  return torch.scaled_dot_product_attention(q, k, v" +
                options + ")\n");
  return module;
}

TEST(Winograd, AttentionGivesWhatItGave) {
  const c10::InferenceMode guard;
  for (const char* const options : {"", ", None, 0., False, scale=0.3"}) {
    torch::jit::Module module = attention_network(options);
    torch::jit::Module original = attention_network(options);
    EXPECT_EQ(use_winograd(module), 1U);
    for (const auto& [q, k, v] : {sequences(16, 16), sequences(100, 77), sequences(40, 300)}) {
      const at::Tensor output = module.forward({q, k, v}).toTensor();
      const at::Tensor expected = original.forward({q, k, v}).toTensor();
      EXPECT_LT(difference(output, expected), 1e-5);
      EXPECT_TRUE(output.transpose(1, 2).is_contiguous() || !has_kernels());
      const auto narrow = [](const at::Tensor& t) { return t.to(at::kBFloat16); };
      for (const bool all : {false, true}) {
        const at::Tensor rounded =
            module.forward({narrow(q), all ? narrow(k) : k, all ? narrow(v) : v}).toTensor();
        EXPECT_LT(difference(rounded.to(at::kFloat), expected), 2e-2) << "behind bfloat16 layers";
      }
    }
  }
}

TEST(Winograd, OtherAttentionStays) {
  const c10::InferenceMode guard;
  EXPECT_EQ(use_winograd(attention_network(", None, 0., True")), 0U);
  EXPECT_EQ(use_winograd(attention_network(", None, 0.1")), 0U);
  EXPECT_EQ(use_winograd(attention_network(", torch.zeros([1])")), 0U);
  torch::jit::Module module = attention_network("");
  use_winograd(module);
  const auto [q, k, v] = sequences(5, 6);
  const auto type = at::kDouble;
  const at::Tensor output = module.forward({q.to(type), k.to(type), v.to(type)}).toTensor();
  EXPECT_LT(difference(output, at::scaled_dot_product_attention(q, k, v)), 1e-5);
  EXPECT_EQ(module.forward({q, k.narrow(2, 0, 0), v.narrow(2, 0, 0)}).toTensor().sizes(), q.sizes())
      << "without keys";
}

TEST(Winograd, LinearLayersGiveWhatTheyGave) {
  const c10::InferenceMode guard;
  at::manual_seed(7);
  const Layer l{at::randn({2, 5, 40}), at::randn({70, 40}), at::randn({70})};
  for (const char* const bias : {"self.bias", "None"}) {
    const std::string body = std::string("torch.linear(x, self.weight, ") + bias + ")";
    torch::jit::Module module = network(l, body);
    torch::jit::Module original = network(l, body);
    EXPECT_EQ(use_winograd(module), 1U);
    for (const at::Tensor& input : {l.input, l.input[0], l.input.narrow(0, 0, 0)}) {
      const at::Tensor output = module.forward({input}).toTensor();
      const at::Tensor expected = original.forward({input}).toTensor();
      ASSERT_EQ(output.sizes(), expected.sizes());
      EXPECT_TRUE(output.allclose(expected, 1e-5, 1e-5));
    }
  }
}

}  // namespace winograd_test
