#include "networks/tiny_networks.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/backends/unet_backend.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/networks/operators.hpp>

#include <torch/csrc/jit/api/module.h>

#include <fstream>
#include <string>

namespace operators_test {

using freeinit::operator_rule;
using freeinit::OperatorRule;

TEST(OperatorRule, TellsTensorsFromTheRest) {
  for (const char* name : {"aten::add", "aten::add_", "aten::conv2d", "aten::to", "prim::If",
                           "aten::scaled_dot_product_attention"}) {
    EXPECT_EQ(operator_rule(name), OperatorRule::tensor) << name;
  }
  for (const char* name :
       {"aten::wait", "prim::fork", "prim::SetAttr", "aten::ad", "aten::abs acos"}) {
    EXPECT_EQ(operator_rule(name), OperatorRule::by_name) << name;
  }
  for (const char* name : {"aten::save", "aten::from_file", "prim::Print", "aten::warn",
                           "prim::PythonOp", "aten::set_", "quantized::linear", "c10d::send",
                           "mine::add", "class::dist_rpc.Agent", "add", "", "::"}) {
    EXPECT_EQ(operator_rule(name), OperatorRule::forbidden) << name;
  }
}

class Operators : public TinyNetworks {
 protected:
  /// The UNet of the bundle with this in front of what it returns.
  void put_in_front(const std::string& line) const {
    tiny_bundle::write(
        folder(), {.unet_source = "def forward(self, latents, timestep, text, fps):\n    " + line +
                                  "\n    return latents * 0.5\n"});
  }
  [[nodiscard]] std::unique_ptr<const freeinit::VideoUNet> load(
      const std::set<std::string>& allowed = {}) const {
    return freeinit::load_unet(folder(), manifest(), "torchscript", at::kCPU, {}, allowed);
  }
};

TEST_F(Operators, OfEveryNetworkAreListed) {
  for (const char* file : {"unet.pt", "text_encoder.pt", "vae_decoder.pt", "vae_encoder.pt"}) {
    const auto operators = freeinit::torchscript_operators(folder() / file);
    EXPECT_FALSE(operators.empty());
    for (const auto& [name, count] : operators) {
      EXPECT_EQ(operator_rule(name), OperatorRule::tensor) << name;
      EXPECT_GT(count, 0U);
    }
  }
  EXPECT_EQ(freeinit::torchscript_operators(folder() / "vae_decoder.pt").at("aten::conv2d"), 2U);
}

TEST_F(Operators, BesideThoseForTensorsAreNamedOrRefused) {
  put_in_front("latents = torch.digamma(latents)");
  EXPECT_ERROR(unsupported,
               "unet.pt': '__torch__.Network.forward' uses the operator 'aten::digamma'", load());
  EXPECT_ERROR(unsupported, "aten::digamma", load({"aten::wait"}));
  EXPECT_NO_THROW((void)load({"aten::digamma"}));
  freeinit::BundleOptions options;
  options.verify_hashes = false;
  EXPECT_ERROR(unsupported, "aten::digamma", freeinit::ModelBundle::load(folder(), options));
  options.allow_operators = {"aten::digamma"};
  EXPECT_NO_THROW((void)freeinit::ModelBundle::load(folder(), options));
}

TEST_F(Operators, ThatReachOutAreNeverUsed) {
  const std::pair<const char*, const char*> lines[] = {
      {"print(latents)", "prim::Print"},
      {"torch.save([latents], \"stolen.pt\")", "aten::save"},
      {"latents = latents + torch.from_file(\"/etc/passwd\", False, 1, dtype=0)",
       "aten::from_file"},
      {"torch.warn(\"x\", 2)", "aten::warn"},
      {"torch.manual_seed(1)", "aten::manual_seed"}};
  for (const auto& [line, called] : lines) {
    const std::string name = called;  // clang 14 captures no structured binding
    put_in_front(line);
    EXPECT_EQ(freeinit::torchscript_operators(folder() / "unet.pt").count(name), 1U) << name;
    EXPECT_ERROR(unsupported, "'" + name + "', which no network may use", load({name}));
  }
}

// A method of that name runs while LibTorch reads the file: too early for any check behind it.
TEST_F(Operators, OfCodeThatRunsWhileItIsReadAreNotReached) {
  torch::jit::Module module("Network");
  module.register_attribute("value", c10::IntType::get(), 1);
  module.define(R"(
def __getstate__(self) -> int:
    return 1
def __setstate__(self, state: int):
    print("ran")
    self.value = state
def forward(self, latents, timestep, text, fps):
    return latents
)");
  module.save((folder() / "unet.pt").string());
  testing::internal::CaptureStdout();
  EXPECT_ERROR(invalid_file, "has a method __setstate__", load());
  EXPECT_ERROR(invalid_file, "has a method __setstate__",
               freeinit::torchscript_operators(folder() / "unet.pt"));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace operators_test
