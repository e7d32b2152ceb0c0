// Weights in float16 that stay in their file, against the same file read by LibTorch with all of
// them widened.
#include "support/temporary_folder.hpp"

#include <freeinit/impl/networks/torchscript_module_inl.hpp>
#include <freeinit/networks/backends/unet_backend.hpp>

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <filesystem>
#include <string>

namespace widening_test {

using freeinit::NetworkRewrite;
using freeinit::detail::TorchScriptModule;
using torch::jit::Module;

at::Tensor random_half(at::IntArrayRef sizes) {
  return at::randn(sizes).div(10).to(at::kHalf);
}

at::Tensor input() {
  at::manual_seed(3);
  return at::randn({2, 32, 8, 8});
}

/// A matrix `weight`, of which `body` makes something. `add`: what else it holds.
Module layer(const std::string& body, void (*add)(Module& network) = nullptr) {
  at::manual_seed(7);
  Module module("Layer");
  module.register_parameter("weight", random_half({8, 8}), false);
  if (add) add(module);
  module.define("def forward(self, x):\n" + body);
  return module;
}

constexpr const char* kLinear = "    return torch.linear(x, self.weight)\n";

/// What a rewrite shows: the network itself.
struct Seen {
  NetworkRewrite rewrite = nullptr;
  Module network;
};
Seen& seen() {
  static Seen value;  // a rewrite carries no state
  return value;
}

class Widening : public testing::Test {
 protected:
  /// Large enough to be mapped, unless it is asked for as small.
  void save(Module module, bool small = false) const {
    if (!small) module.register_buffer("ballast", at::zeros({9 << 20}));
    module.save(file_.string());
  }

  [[nodiscard]] TorchScriptModule load(NetworkRewrite rewrite = nullptr) const {
    seen() = {.rewrite = rewrite, .network = Module()};
    return TorchScriptModule({.source = {.file = file_,
                                         .rewrite =
                                             [](Module& network) {
                                               if (seen().rewrite) seen().rewrite(network);
                                               seen().network = network;
                                             },
                                         .allow_operators = {"prim::SetAttr"}},
                              .inputs = {"x"},
                              .dtype = "float32"});
  }

  /// As the library read it when nothing stayed narrow.
  [[nodiscard]] Module widened(NetworkRewrite rewrite = nullptr) const {
    const c10::InferenceMode ordinary_tensors(false);
    Module module = torch::jit::load(file_.string());
    module.eval();
    if (rewrite) rewrite(module);
    for (at::Tensor parameter : module.parameters()) {
      if (parameter.scalar_type() == at::kHalf) parameter.set_data(parameter.to(at::kFloat));
    }
    return module;
  }

  /// Twice, since a call may leave something behind.
  void expect_same(const TorchScriptModule& found, Module expected,
                   const std::string& method = "forward") const {
    const c10::InferenceMode guard;
    for (const char* const call : {"first call", "second call"}) {
      const at::Tensor wanted = expected.get_method(method)({input()}).toTensor();
      const at::Tensor output = found.call(method, {input()}).at(0);
      EXPECT_EQ(output.scalar_type(), wanted.scalar_type());
      EXPECT_TRUE(output.equal(wanted)) << call;
    }
  }

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "a.pt";
};

at::Tensor weight_of_network(const std::string& name) {
  for (const auto& parameter : seen().network.named_parameters()) {
    if (parameter.name == name) return parameter.value;
  }
  return seen().network.attr(name).toTensor();  // a buffer
}

void expect_narrow(const std::string& name) {
  EXPECT_EQ(weight_of_network(name).scalar_type(), at::kHalf) << name;
  EXPECT_TRUE(freeinit::detail::is_mapped(weight_of_network(name))) << name;
}
void expect_wide(const std::string& name) {
  EXPECT_EQ(weight_of_network(name).scalar_type(), at::kFloat) << name;
  EXPECT_FALSE(freeinit::detail::is_mapped(weight_of_network(name))) << name;
}

/// With layers of all kinds, in several methods and in an inner block.
Module many_layers() {
  at::manual_seed(7);
  Module module("network");
  module.register_parameter("kernel", random_half({32, 32, 3, 3}), false);
  module.register_parameter("coarse", random_half({32, 32, 3, 3}), false);
  module.register_parameter("pointwise", random_half({32, 32, 1, 1}), false);
  module.register_parameter("along_frames", random_half({32, 32, 3, 1, 1}), false);
  module.register_parameter("matrix", random_half({6, 4}), false);
  module.register_parameter("product", random_half({6, 8}), false);
  module.register_parameter("table", random_half({5, 8}), false);
  module.register_parameter("bias", random_half({32}), false);
  module.register_buffer("constant", random_half({8, 8}));
  module.define(R"(
def deep(self, x):
    y = torch.conv2d(x, self.kernel, self.bias, [1, 1], [1, 1], [1, 1], 1)
    y = y + torch.conv2d(y, self.pointwise, None, [1, 1], [0, 0], [1, 1], 1)
    frames = y.permute([1, 0, 2, 3]).unsqueeze(0)
    frames = torch.conv3d(frames, self.along_frames, None, [1, 1, 1], [1, 0, 0], [1, 1, 1], 1)
    return y + frames.squeeze(0).permute([1, 0, 2, 3]) + self.constant

def shallow(self, x):
    y = torch.conv2d(x, self.coarse, self.bias, [2, 2], [1, 1], [1, 1], 1)
    if bool(x.sum() < 1e6):
        y = torch.linear(y, self.matrix)
    return torch.matmul(y, self.product) + torch.embedding(self.table, torch.zeros([4], dtype=4))

def forward(self, x):
    return self.shallow(self.deep(x))
)");
  return module;
}

constexpr const char* kMatrices[] = {"kernel", "coarse",  "pointwise", "along_frames",
                                     "matrix", "product", "table"};

NetworkRewrite rewrite_of(const char* backend) {
  return freeinit::unet_backend(backend).operators;
}

TEST_F(Widening, LeavesKernelsAndMatricesInTheFile) {
  save(many_layers());
  for (const char* const backend : {"torchscript", "winograd"}) {
    const TorchScriptModule found = load(rewrite_of(backend));
    for (const char* const name : kMatrices) expect_narrow(name);
    expect_wide("bias");
    EXPECT_EQ(weight_of_network("constant").scalar_type(), at::kHalf) << "buffers stay";
    EXPECT_TRUE(freeinit::detail::is_mapped(weight_of_network("ballast")));
    for (const char* const method : {"forward", "deep"})
      expect_same(found, widened(rewrite_of(backend)), method);
  }
}

TEST_F(Widening, LeavesNothingOfASmallFile) {
  save(many_layers(), /*small=*/true);
  const TorchScriptModule found = load();
  for (const char* const name : kMatrices) expect_wide(name);
  expect_same(found, widened());
}

/// Kernels of the other convolutions stay narrow, and no matrix is rounded from a wider copy.
TEST_F(Widening, LeavesBfloat16ToRoundItsOwn) {
  const NetworkRewrite rewrite = rewrite_of("bfloat16");
  if (rewrite == nullptr) GTEST_SKIP();
  save(many_layers());
  const TorchScriptModule found = load(rewrite);
  for (const char* const name : {"matrix", "pointwise"})
    EXPECT_EQ(weight_of_network(name).scalar_type(), at::kBFloat16) << name;
  for (const char* const name : {"kernel", "coarse", "along_frames", "product"})
    expect_narrow(name);
  freeinit::Manifest manifest;
  manifest.unet.dtype = "float32";
  if (freeinit::unet_backend("bfloat16").refusal(manifest, at::kCPU).empty())
    expect_same(found, widened(rewrite));
}

/// Two layers of a class, which share code: one with its weight in float16, one in `type`.
Module two_layers(at::ScalarType type) {
  const Module narrow = layer(kLinear);
  Module other = narrow.deepcopy();
  other.setattr("weight", at::randn({8, 8}, type));
  Module module("network");
  module.register_module("narrow", narrow);
  module.register_module("other", other);
  const std::string number = std::to_string(static_cast<int>(type));
  module.define(
      "def forward(self, x):\n    return self.narrow.forward(x) + self.other.forward(x.to(" +
      number + "))\n");
  return module;
}

TEST_F(Widening, OfLayersThatShareCode) {
  save(two_layers(at::kFloat));
  expect_same(load(), widened());
  const auto class_of = [](const char* name) {
    return seen().network.attr(name).toModule().type();
  };
  EXPECT_EQ(class_of("narrow"), class_of("other"));
  expect_narrow("narrow.weight");
  EXPECT_EQ(weight_of_network("other.weight").scalar_type(), at::kFloat);
  save(two_layers(at::kDouble));
  expect_same(load(), widened());
  expect_wide("narrow.weight");
}

TEST_F(Widening, OfAWeightWithTwoNames) {
  const auto two_names = [](const std::string& use) {
    return layer("    y = torch.linear(x, self.weight)\n    return " + use + "\n",
                 [](Module& network) {
                   network.register_parameter("other", network.attr("weight").toTensor(), false);
                 });
  };
  save(two_names("torch.linear(y, self.other)"));
  expect_same(load(), widened());
  expect_narrow("weight");
  save(two_names("y + self.other"));
  expect_same(load(), widened());
  expect_wide("weight");
}

TEST_F(Widening, IsLeftToAGraphThatWidens) {
  Module module = layer("    return torch.linear(x, self.weight.to(6))\n");
  module.register_attribute("widens_weights", c10::BoolType::get(), true);
  save(module);
  const TorchScriptModule found = load();
  expect_narrow("weight");
  const std::string code = seen().network.get_method("forward").graph()->toString();
  EXPECT_EQ(code.find("aten::to("), code.rfind("aten::to(")) << "widened once more";
  expect_same(found, torch::jit::load(file().string()));
}

struct Reading {
  std::string name;
  std::string body;
  void (*add)(Module& network) = nullptr;
};

/// Weights that the code sees otherwise than through layers are widened when they are read.
class WideningIsEarly : public Widening, public testing::WithParamInterface<Reading> {};

TEST_P(WideningIsEarly, AndGivesTheSame) {
  save(layer(GetParam().body, GetParam().add));
  expect_same(load(), widened());
  expect_wide("weight");
  EXPECT_FALSE(freeinit::detail::is_mapped(weight_of_network("ballast"))) << "nothing stays narrow";
}

void hold_in_list(Module& network) {
  c10::List<at::Tensor> list;
  list.push_back(network.attr("weight").toTensor());
  network.register_attribute("list", c10::ListType::ofTensors(), list);
}

void hold_as_buffer(Module& network) {
  network.register_buffer("buffer", network.attr("weight").toTensor());
}

void hold_part_as_buffer(Module& network) {
  network.register_buffer("buffer", network.attr("weight").toTensor().select(0, 0));
}

INSTANTIATE_TEST_SUITE_P(
    All, WideningIsEarly,
    testing::Values(
        Reading{"Sum", "    return x + self.weight\n"},
        Reading{"Part", "    return torch.linear(x, self.weight[0:4])\n"},
        Reading{"Type", "    return torch.linear(x, self.weight.to(self.weight.dtype))\n"},
        Reading{"Result", "    y = torch.linear(x, self.weight)\n    return self.weight\n"},
        Reading{"Branch",
                "    y = x\n"
                "    if bool(x.sum() < 1e6):\n"
                "        y = self.weight\n"
                "    return torch.linear(x, y)\n"},
        Reading{"ListOfCode", "    return torch.cat([self.weight, self.weight])\n"},
        Reading{"Written", "    return torch.linear(x, self.weight.add_(1.0))\n"},
        Reading{"WrittenAlone",
                "    self.weight.add_(1.0)\n    return torch.linear(x, self.weight)\n"},
        Reading{"Set",
                "    y = torch.linear(x, self.weight)\n"
                "    self.weight = y[0, 0]\n"
                "    return y\n"},
        Reading{"Argument",
                "    return self.product(x, self.weight)\n"
                "def product(self, x, y):\n"
                "    y.add_(1.0)\n"
                "    return torch.linear(x, y)\n"},
        Reading{"Cast",
                "    y: Optional[Tensor] = x\n"
                "    if y is None:\n"
                "        return x\n"
                "    else:\n"
                "        return torch.linear(y, self.weight)\n"},
        Reading{"List", "    return torch.linear(x, self.weight) + self.list[0].sum()\n",
                hold_in_list},
        Reading{"Buffer", "    return torch.linear(x, self.weight) + self.buffer.add_(1.0).sum()\n",
                hold_as_buffer},
        Reading{"PartOfBuffer",
                "    return torch.linear(x, self.weight) + self.buffer.add_(1.0).sum()\n",
                hold_part_as_buffer}),
    [](const auto& reading) { return reading.param.name; });

/// An attribute may say that it holds a layer of another class.
TEST_F(Widening, IsEarlyForALayerThatIsHeldElsewhere) {
  at::manual_seed(7);
  const Module inner = layer(kLinear);
  Module module("network");
  module.register_module("inner", inner);
  module.register_attribute("maybe", c10::OptionalType::create(inner.type()), inner._ivalue());
  module.define("def forward(self, x):\n    return self.inner.forward(x)\n");
  save(module);
  expect_same(load(), widened());
  expect_wide("inner.weight");
}

/// One weight that is widened early takes no other along.
TEST_F(Widening, IsEarlyForOneWeight) {
  at::manual_seed(7);
  save(layer("    return torch.linear(x, self.weight) + self.other\n", [](Module& network) {
    network.register_parameter("other", random_half({8, 8}), false);
  }));
  const TorchScriptModule found = load();
  expect_narrow("weight");
  expect_wide("other");
  EXPECT_TRUE(freeinit::detail::is_mapped(weight_of_network("ballast")));
  expect_same(found, widened());
}

}  // namespace widening_test
