// What Winograd's backend leaves out changes no bit. Run again for lesser processors, as
// winograd_test.cpp is.
#include "support/allocation_counter.hpp"

#include <freeinit/impl/networks/backends/winograd_graph_inl.hpp>

#include <ATen/Functions.h>
#include <ATen/Version.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>

#include <array>
#include <string>
#include <vector>

namespace graph_shortcuts_test {

using freeinit::detail::use_winograd;
using freeinit::detail::winograd_conv2d;
using freeinit::detail::winograd_upsampled_conv2d;

struct Layer {
  at::Tensor input;
  at::Tensor weight;
  at::Tensor bias;
};

Layer layer(at::IntArrayRef input = {2, 32, 5, 6}, std::int64_t channels = 40) {
  at::manual_seed(7);
  return {at::randn(input), at::randn({channels, input[1], 3, 3}), at::randn({channels})};
}

at::Tensor resized(const at::Tensor& images, at::IntArrayRef size) {
  return at::upsample_nearest2d(images, size);
}

at::Tensor doubled(const at::Tensor& images) {
  return resized(images, {2 * images.size(2), 2 * images.size(3)});
}

at::Tensor in_two_steps(const Layer& l) {
  return winograd_conv2d(doubled(l.input), l.weight, l.bias);
}

TEST(WinogradShortcuts, UpsampledImagesGiveTheBitsOfLargerOnes) {
  for (const std::vector<std::int64_t>& size :
       {std::vector<std::int64_t>{2, 32, 8, 8}, std::vector<std::int64_t>{3, 50, 7, 5},
        std::vector<std::int64_t>{1, 32, 1, 1}, std::vector<std::int64_t>{1, 32, 3, 65},
        std::vector<std::int64_t>{1, 4, 8, 8}}) {
    Layer l = layer(size);
    const std::array twice{2 * size[2], 2 * size[3]};
    for (const at::Tensor& bias : {l.bias, at::Tensor()}) {
      l.bias = bias;
      EXPECT_TRUE(winograd_upsampled_conv2d(l.input, {}, l.weight, l.bias).equal(in_two_steps(l)));
      EXPECT_TRUE(
          winograd_upsampled_conv2d(l.input, twice, l.weight, l.bias).equal(in_two_steps(l)));
    }
    l.weight = l.weight.to(at::kHalf);
    EXPECT_TRUE(winograd_upsampled_conv2d(l.input, {}, l.weight, l.bias).equal(in_two_steps(l)));
    l.input = l.input.transpose(2, 3);
    EXPECT_TRUE(winograd_upsampled_conv2d(l.input, {}, l.weight, l.bias).equal(in_two_steps(l)));
  }
}

TEST(WinogradShortcuts, OtherSizesAreUpsampled) {
  const Layer l = layer();
  for (const std::array<std::int64_t, 2>& size :
       {std::array<std::int64_t, 2>{10, 18}, {11, 12}, {5, 6}, {3, 3}}) {
    EXPECT_TRUE(winograd_upsampled_conv2d(l.input, size, l.weight, l.bias)
                    .equal(winograd_conv2d(resized(l.input, size), l.weight, l.bias)));
  }
  EXPECT_THROW((void)winograd_upsampled_conv2d(l.input[0], {}, l.weight, l.bias), c10::Error);
}

TEST(WinogradShortcuts, NoLargerImagesAreMade) {
  if (at::get_cpu_capability() == "DEFAULT") GTEST_SKIP() << "no kernels";
  const Layer l = layer();
  const auto call = [&] { (void)winograd_upsampled_conv2d(l.input, {}, l.weight, l.bias); };
  call();
  const AllocationCounter counter;
  call();
  EXPECT_EQ(counter.count(), 1);
}

const std::string kConvolution =
    "torch._convolution(y, self.weight, self.bias, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, "
    "False, False, True, True)";

torch::jit::Module network(const Layer& l, const std::string& body) {
  torch::jit::Module module("network");
  module.register_parameter("weight", l.weight, false);
  module.register_parameter("bias", l.bias, false);
  module.define("def forward(self, x):\n" + body);
  return module;
}

/// `y` is `value`, then convolved.
torch::jit::Module convolved(const Layer& l, const std::string& value,
                             const std::string& rest = "  return " + kConvolution + "\n") {
  return network(l, "  y = " + value + "\n" + rest);
}

/// The same as exporters trace diffusers' Upsample2D: the convolution is a layer of its own.
torch::jit::Module convolved_by_a_layer(
    const Layer& l, const std::string& value,
    const std::string& use = "  return self.conv.forward(y)\n") {
  torch::jit::Module convolution("convolution");
  convolution.register_parameter("weight", l.weight, false);
  convolution.register_parameter("bias", l.bias, false);
  convolution.define("def forward(self, y):\n  return " + kConvolution + "\n");
  torch::jit::Module module("upsampler");
  module.register_module("conv", convolution);
  module.define("def forward(self, x):\n  y = " + value + "\n" + use);
  return module;
}

bool contains(const torch::jit::Module& module, const std::string& name) {
  return module.get_method("forward").graph()->toString().find(name) != std::string::npos;
}

bool is_shortened(const torch::jit::Module& module) {
  return contains(module, "freeinit::winograd_upsampled_conv2d");
}

const char* const kTwice = "torch.upsample_nearest2d(x, None, [2., 2.])";

TEST(WinogradShortcuts, UpsamplingThatIsOnlyConvolvedGoes) {
  const c10::InferenceMode guard;
  for (const char* const value :
       {kTwice, "torch.upsample_nearest2d(x, [2 * x.size(2), 2 * x.size(3)], None)",
        "torch.upsample_nearest2d(x, [2 * x.size(2), 2 * x.size(3)])"}) {
    for (const auto make :
         {+[](const Layer&l, const char*v) { return convolved(l, v); },
          +[](const Layer&l, const char*v) { return convolved_by_a_layer(l, v); }}) {
      Layer l = layer();
      torch::jit::Module module = make(l, value);
      EXPECT_EQ(use_winograd(module), 1U);
      EXPECT_TRUE(is_shortened(module)) << value;
      EXPECT_FALSE(contains(module, "aten::upsample_nearest2d"));
      EXPECT_TRUE(module.forward({l.input}).toTensor().equal(in_two_steps(l)));
      l.input = l.input.to(at::kBFloat16);
      EXPECT_TRUE(module.forward({l.input}).toTensor().equal(
          winograd_conv2d(doubled(l.input).to(at::kFloat), l.weight, l.bias)));
    }
  }
}

TEST(WinogradShortcuts, SizesThatAreNotTwiceTheInputsAreAskedAtRunTime) {
  const c10::InferenceMode guard;
  const Layer l = layer();
  torch::jit::Module module = convolved(l, "torch.upsample_nearest2d(x, [10, 13], None)");
  use_winograd(module);
  EXPECT_TRUE(is_shortened(module));
  EXPECT_TRUE(module.forward({l.input}).toTensor().equal(
      winograd_conv2d(resized(l.input, {10, 13}), l.weight, l.bias)));
}

TEST(WinogradShortcuts, WritesElsewhereDoNotMatter) {
  const c10::InferenceMode guard;
  const Layer l = layer();
  torch::jit::Module module = network(l, std::string("  x.add_(1)\n  y = ") + kTwice +
                                             "\n  z = " + kConvolution + "\n  return z.mul_(2)\n");
  use_winograd(module);
  EXPECT_TRUE(is_shortened(module));
  const Layer changed{l.input.add(1), l.weight, l.bias};
  EXPECT_TRUE(module.forward({l.input.clone()}).toTensor().equal(in_two_steps(changed).mul(2)));
}

TEST(WinogradShortcuts, OtherUpsamplingStays) {
  const c10::InferenceMode guard;
  const Layer l = layer({2, 40, 5, 6}, 40);
  const std::string both = "  return y + " + kConvolution + "\n";
  const std::string both_of_layer = "  return y + self.conv.forward(y)\n";
  std::vector<torch::jit::Module> modules{
      convolved(l, "torch.upsample_nearest2d(x, None, [2., 3.])"),
      convolved(l, "torch.upsample_nearest2d(x, None, [2.1, 2.1])"),
      convolved(l, "torch.upsample_nearest2d(x, [10, 12], 1.9, 2.)"),
      convolved(l, "torch._upsample_nearest_exact2d(x, None, [2., 2.])"),
      convolved(l, kTwice, both),
      convolved_by_a_layer(l, kTwice, both_of_layer),
      convolved(l, kTwice, "  if x.size(0) > 9:\n    x.add_(1)\n  return " + kConvolution + "\n"),
      convolved_by_a_layer(l, kTwice, "  x.add_(1)\n  return self.conv.forward(y)\n"),
      convolved(l, kTwice, "  x.add_(1)\n  return " + kConvolution + "\n")};
  for (torch::jit::Module& module : modules) {
    const at::Tensor expected = module.clone().forward({l.input.clone()}).toTensor();
    use_winograd(module);
    EXPECT_FALSE(is_shortened(module));
    const at::Tensor output = module.forward({l.input.clone()}).toTensor();
    EXPECT_LT(output.sub(expected).abs().max().item<float>(),
              2e-5F * expected.abs().max().item<float>());
  }
}

/// x over a number, as tracing writes it.
torch::jit::Module quotient(const at::Tensor& number, const std::string& before = "") {
  torch::jit::Module module("network");
  module.define("def forward(self, x):\n" + before + "  return torch.div(x, 3.)\n");
  const auto graph = module.get_method("forward").graph();
  for (torch::jit::Node* const node : graph->nodes()) {
    if (node->kind() != c10::aten::div) continue;
    const torch::jit::WithInsertPoint here(node);
    node->replaceInput(1, graph->insertConstant(number));
  }
  return module;
}

at::Tensor scalar(double number) {
  return at::scalar_tensor(number, at::kDouble);
}

TEST(WinogradShortcuts, AQuotientByOneIsWhatIsDivided) {
  const c10::InferenceMode guard;
  torch::jit::Module module = quotient(scalar(1));
  use_winograd(module);
  const at::Tensor images = layer().input;
  for (const at::Tensor& input : {images, images.transpose(1, 3), images.to(at::kBFloat16)}) {
    const at::Tensor output = module.forward({input}).toTensor();
    EXPECT_TRUE(output.is_same(input)) << "nothing is computed";
  }
  // What would be of another type, or lie otherwise in memory.
  for (const at::Tensor& input :
       {at::arange(6), at::scalar_tensor(2.5, at::kFloat), images.narrow(3, 1, 2),
        images.select(0, 0).expand({3, -1, -1, -1})}) {
    const at::Tensor output = module.forward({input}).toTensor();
    const at::Tensor expected = input.div(scalar(1));
    EXPECT_EQ(output.scalar_type(), expected.scalar_type());
    EXPECT_EQ(output.strides(), expected.strides());
    EXPECT_TRUE(output.equal(expected));
  }
}

TEST(WinogradShortcuts, OtherQuotientsStay) {
  const c10::InferenceMode guard;
  for (const at::Tensor& number : {scalar(2), at::ones({1}), at::ones({}, at::kComplexFloat)}) {
    torch::jit::Module module = quotient(number);
    use_winograd(module);
    const at::Tensor input = at::randn({4});
    EXPECT_TRUE(module.forward({input}).toTensor().equal(input.div(number)));
    EXPECT_FALSE(contains(module, "freeinit::over_one"));
  }
  torch::jit::Module writes = quotient(scalar(1), "  x.add_(1)\n");
  use_winograd(writes);
  EXPECT_FALSE(contains(writes, "freeinit::over_one"));
}

}  // namespace graph_shortcuts_test
