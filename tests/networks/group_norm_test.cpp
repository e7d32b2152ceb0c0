// Group norm and SiLU against LibTorch's, and in a TorchScript network. Run again for lesser
// processors, as winograd_test.cpp is.
#include "support/allocation_counter.hpp"

#include <freeinit/impl/networks/backends/winograd_graph_inl.hpp>

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace group_norm_test {

using freeinit::detail::group_norm;
using freeinit::detail::use_winograd;

/// Of the largest value.
constexpr double kTolerance = 1e-6;

struct Layer {
  at::Tensor input;
  at::Tensor weight;
  at::Tensor bias;
};

Layer layer(at::IntArrayRef size = {2, 64, 6, 7}) {
  at::manual_seed(7);
  return {at::randn(size).add_(0.5), at::randn(size[1]), at::randn(size[1])};
}

at::Tensor given(const Layer& l, bool silu = true, double epsilon = 1e-6) {
  const at::Tensor norm = at::group_norm(l.input, 32, l.weight, l.bias, epsilon);
  return silu ? at::silu(norm) : norm;
}

at::Tensor by_kernels(const Layer& l, bool silu = true, double epsilon = 1e-6) {
  return group_norm(l.input, l.weight, l.bias, {32, epsilon, silu});
}

void expect_near(const at::Tensor& output, const at::Tensor& expected) {
  ASSERT_EQ(output.sizes(), expected.sizes());
  EXPECT_EQ(output.scalar_type(), expected.scalar_type());
  EXPECT_EQ(output.strides(), expected.strides());
  EXPECT_LT(output.sub(expected).abs().max().item<double>(),
            kTolerance * expected.abs().max().item<double>());
}

bool has_kernels() {
  return at::get_cpu_capability() != "DEFAULT";
}

TEST(WinogradNorms, GiveWhatLibTorchGives) {
  for (const std::vector<std::int64_t>& size :
       {std::vector<std::int64_t>{2, 64, 16, 16}, std::vector<std::int64_t>{1, 128, 65, 33},
        std::vector<std::int64_t>{2, 96, 4, 5, 3}, std::vector<std::int64_t>{2, 320, 5}}) {
    for (const bool silu : {false, true}) {
      for (const double epsilon : {1e-5, 1e-6}) {
        Layer l = layer(size);
        expect_near(by_kernels(l, silu, epsilon), given(l, silu, epsilon));
        l.weight = l.weight.to(at::kHalf);
        l.bias = l.bias.to(at::kHalf);
        const Layer wide{l.input, l.weight.to(at::kFloat), l.bias.to(at::kFloat)};
        expect_near(by_kernels(l, silu, epsilon), given(wide, silu, epsilon));
      }
    }
  }
}

// Of a group of two values LibTorch's own is off by more than that.
TEST(WinogradNorms, OfFewValuesGiveWhatFloat64Gives) {
  if (!has_kernels()) GTEST_SKIP() << "no kernels";
  for (const std::vector<std::int64_t>& size :
       {std::vector<std::int64_t>{1, 64, 1, 1}, std::vector<std::int64_t>{3, 64}}) {
    const Layer l = layer(size);
    const Layer exact{l.input.to(at::kDouble), l.weight.to(at::kDouble), l.bias.to(at::kDouble)};
    expect_near(by_kernels(l).to(at::kDouble), given(exact));
  }
}

TEST(WinogradNorms, TakeTensorsThatAreNotContiguous) {
  Layer l = layer({2, 64, 6, 7});
  l.input = l.input.transpose(2, 3);
  expect_near(by_kernels(l), given(l));
  l = layer({2, 5, 64, 6, 7});  // frames, as a video
  l.weight = at::randn({64});
  l.bias = at::randn({64});
  for (const at::Tensor& video :
       {l.input.permute({0, 2, 1, 3, 4}), l.input.permute({0, 2, 1, 4, 3})}) {
    const Layer turned{video, l.weight, l.bias};
    expect_near(by_kernels(turned), given(turned));
    const Layer copy{video.contiguous(), l.weight, l.bias};
    EXPECT_TRUE(by_kernels(turned).equal(by_kernels(copy)));
  }
}

TEST(WinogradNorms, LeaveTheRestToLibTorch) {
  const Layer l = layer();
  const at::Tensor last = l.input.contiguous(at::MemoryFormat::ChannelsLast);
  for (const Layer& other :
       {Layer{last, l.weight, l.bias}, Layer{l.input, at::Tensor(), at::Tensor()},
        Layer{l.input, l.weight, at::Tensor()}, Layer{l.input.narrow(0, 0, 0), l.weight, l.bias},
        Layer{l.input.to(at::kDouble), l.weight.to(at::kDouble), l.bias.to(at::kDouble)},
        Layer{l.input.to(at::kBFloat16), l.weight, l.bias}}) {
    const at::Tensor output = by_kernels(other);
    const at::Tensor expected = given(other);
    EXPECT_EQ(output.scalar_type(), expected.scalar_type());
    EXPECT_EQ(output.strides(), expected.strides());
    EXPECT_TRUE(output.equal(expected));
  }
  for (const std::int64_t groups : {0, 33})
    EXPECT_THROW((void)group_norm(l.input, l.weight, l.bias, {groups, 1e-6, true}), c10::Error);
  EXPECT_THROW((void)group_norm(l.input, l.weight[0], l.bias, {32, 1e-6, true}), c10::Error);
}

TEST(WinogradNorms, ThreadsChangeNoBit) {
  const int threads = at::get_num_threads();
  const Layer l = layer({2, 64, 40, 40});
  at::set_num_threads(1);
  const at::Tensor alone = by_kernels(l);
  at::set_num_threads(3);
  EXPECT_TRUE(by_kernels(l).equal(alone));
  at::set_num_threads(threads);
}

TEST(WinogradNorms, AnInputThatNobodyElseHasBecomesTheResult) {
  if (!has_kernels()) GTEST_SKIP() << "no kernels";
  const Layer l = layer();
  const at::Tensor expected = by_kernels(l);
  const auto is_kept = [&](at::Tensor input) {
    const void* const memory = input.const_data_ptr();
    const at::Tensor output = group_norm(std::move(input), l.weight, l.bias, {32, 1e-6, true});
    EXPECT_TRUE(output.equal(expected));
    return output.const_data_ptr() == memory;
  };
  EXPECT_TRUE(is_kept(l.input.clone()));
  at::Tensor seen = l.input.clone();
  EXPECT_FALSE(is_kept(seen)) << "the caller has it";
  EXPECT_FALSE(is_kept(seen.view({2, 64, 6, 7}))) << "it lies in memory of another";
  EXPECT_FALSE(is_kept(at::from_blob(seen.data_ptr(), seen.sizes(), at::kFloat)))
      << "it lies in memory that is not LibTorch's";
  EXPECT_TRUE(seen.equal(l.input));
}

// --- In networks ---------------------------------------------------------------------------------

const std::string kNorm = "torch.group_norm(x, 32, self.weight, self.bias, 1e-6, True)";

torch::jit::Module with_weights(const Layer& l, const std::string& code) {
  torch::jit::Module module("norm");
  module.register_parameter("weight", l.weight, false);
  module.register_parameter("bias", l.bias, false);
  module.define(code);
  return module;
}

/// A norm and a SiLU that are layers of their own, as exporters trace diffusers' ResnetBlock2D.
torch::jit::Module of_layers(const Layer& l, const std::string& body,
                             const std::string& norm = "  return " + kNorm + "\n",
                             const std::string& silu = "  return torch.silu(x)\n") {
  torch::jit::Module act("act");
  act.define("def forward(self, x):\n" + silu);
  torch::jit::Module module("resnet");
  module.register_module("norm", with_weights(l, "def forward(self, x):\n" + norm));
  module.register_module("act", act);
  module.define("def forward(self, x):\n" + body);
  return module;
}

torch::jit::Module in_one_method(const Layer& l, const std::string& body) {
  return with_weights(l, "def forward(self, x):\n" + body);
}

bool is_joined(const torch::jit::Module& module) {
  const std::string code = module.get_method("forward").graph()->toString();
  const bool is_joined = code.find("freeinit::group_norm_silu") != std::string::npos;
  EXPECT_TRUE(!is_joined || code.find("aten::silu(") == std::string::npos);
  return is_joined;
}

TEST(WinogradNorms, AreJoinedToTheSiluThatReadsThem) {
  const c10::InferenceMode guard;
  Layer l = layer();
  torch::jit::Module outer("outer");
  outer.register_module("inner", of_layers(l, "  return self.norm.forward(x)\n"));
  outer.define("def forward(self, x):\n  return torch.silu(self.inner.forward(x))\n");
  for (torch::jit::Module& module : std::vector<torch::jit::Module>{
           of_layers(l, "  return self.act.forward(self.norm.forward(x))\n"),
           of_layers(l, "  return torch.silu(self.norm.forward(x))\n"),
           in_one_method(l, "  return torch.silu(" + kNorm + ")\n"), outer,
           of_layers(l, "  y = self.act.forward(self.norm.forward(x))\n  x.add_(1)\n  return y\n"),
           of_layers(l,
                     "  if x.size(0) > 0:\n    y = self.act.forward(self.norm.forward(x))\n"
                     "  else:\n    y = x\n  return y\n")}) {
    use_winograd(module);
    EXPECT_TRUE(is_joined(module));
    expect_near(module.forward({l.input.clone()}).toTensor(), given(l));
  }
}

TEST(WinogradNorms, AllOfABlockAreJoined) {
  const c10::InferenceMode guard;
  const Layer l = layer();
  torch::jit::Module module = of_layers(l,
                                        "  y = self.act.forward(self.norm.forward(x))\n"
                                        "  return x + self.act.forward(self.norm.forward(y))\n");
  use_winograd(module);
  EXPECT_TRUE(is_joined(module));
  const Layer second{given(l), l.weight, l.bias};
  expect_near(module.forward({l.input}).toTensor(), l.input.add(given(second)));
}

TEST(WinogradNorms, ThatAreReadByOthersAreNotJoined) {
  const c10::InferenceMode guard;
  const Layer l = layer();
  const std::string apart = "  y = self.norm.forward(x)\n";
  std::vector<torch::jit::Module> modules{
      of_layers(l, apart + "  return y + self.act.forward(y)\n"),
      of_layers(l, apart + "  x.add_(1)\n  return self.act.forward(y)\n"),
      of_layers(l, apart + "  y.add_(1)\n  return self.act.forward(y)\n"),
      of_layers(l, apart + "  return torch.silu_(y)\n"),
      of_layers(l, apart + "  return torch.relu(y)\n"),
      of_layers(l, apart + "  if x.size(0) > 9:\n    x.add_(1)\n  return self.act.forward(y)\n"),
      of_layers(l, apart + "  return self.act.forward(y)\n",
                "  y = " + kNorm + "\n  x.add_(1)\n  return y\n"),
      of_layers(l, apart + "  return self.act.forward(y)\n", "  return " + kNorm + "\n",
                "  return x + torch.silu(x)\n"),
      in_one_method(l, "  y = " + kNorm + "\n  return y + torch.silu(y)\n")};
  for (torch::jit::Module& module : modules) {
    const at::Tensor expected = module.clone().forward({l.input.clone()}).toTensor();
    use_winograd(module);
    EXPECT_FALSE(is_joined(module));
    expect_near(module.forward({l.input.clone()}).toTensor(), expected);
  }
}

// A file of few lines would else become a graph that no memory holds.
TEST(WinogradNorms, MethodsAreNotPutIntoEachOtherWithoutEnd) {
  const c10::InferenceMode guard;
  const Layer l = layer();
  torch::jit::Module module = in_one_method(l, "  return " + kNorm + "\n");
  std::string last = "self.forward(";
  for (int i = 0; i < 30; ++i) {
    const std::string name = "twice" + std::to_string(i);
    module.define("def " + name + "(self, x):\n  return " + last + "torch.silu(" + last + "x)))\n");
    last = "self." + name + "(";
  }
  use_winograd(module);
  std::size_t nodes = 0;
  for (const torch::jit::Block* const block : freeinit::detail::method_blocks(module))
    nodes += static_cast<std::size_t>(std::distance(block->nodes().begin(), block->nodes().end()));
  EXPECT_LT(nodes, 31U * 100);
}

TEST(WinogradNorms, LongMethodsAreNotPutIntoOthers) {
  const c10::InferenceMode guard;
  const Layer l = layer();
  const std::string body = "  return self.act.forward(self.norm.forward(x))\n";
  const std::string norm = "  return " + kNorm + "\n";
  const std::string silu = "  x = torch.silu(x)\n";
  const auto signs = [](int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) lines += "  x = -x\n";
    return lines;
  };
  for (const int count : {4, 40}) {
    std::vector<torch::jit::Module> modules{
        of_layers(l, body, signs(count) + norm),
        of_layers(l, body, norm, silu + signs(count) + "  return x\n")};
    for (torch::jit::Module& module : modules) {
      const at::Tensor expected = module.clone().forward({l.input}).toTensor();
      use_winograd(module);
      EXPECT_EQ(is_joined(module), count == 4);
      expect_near(module.forward({l.input}).toTensor(), expected);
    }
  }
}

TEST(WinogradNorms, OfANetworkAskForNoMemoryBehindWhatItComputed) {
  if (!has_kernels()) GTEST_SKIP() << "no kernels";
  const c10::InferenceMode guard;
  const Layer l = layer();
  torch::jit::Module module = of_layers(l, "  return self.act.forward(self.norm.forward(x + x))\n");
  use_winograd(module);
  const Layer twice{l.input.mul(2), l.weight, l.bias};
  for (int i = 0; i < 3; ++i) expect_near(module.forward({l.input}).toTensor(), given(twice));
  const AllocationCounter counter;
  (void)module.forward({l.input});
  EXPECT_EQ(counter.count(), 1);
}

}  // namespace group_norm_test
