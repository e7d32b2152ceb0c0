#include "networks/tiny_networks.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/backends/unet_backend.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/networks/operators.hpp>

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/api/module.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <tuple>
#include <vector>

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

/// Writes the archive again, with `after` in place of `before` in its code, and another source.
void change_code(const std::filesystem::path& file, const std::string& before,
                 const std::string& after) {
  std::map<std::string, std::string> parts;
  {
    caffe2::serialize::PyTorchStreamReader archive(file.string());
    for (const std::string& part : archive.getAllRecords()) {
      const auto [data, size] = archive.getRecord(part);
      parts[part] = {static_cast<const char*>(data.get()), size};
    }
  }
  caffe2::serialize::PyTorchStreamWriter writer(file.string());
  for (auto& [part, text] : parts) {
    if (part == "version" || part.starts_with(".data/")) continue;  // the writer's own
    const auto at = part.ends_with(".py") ? text.find(before) : text.npos;
    if (at != text.npos) text.replace(at, before.size(), after);
    writer.writeRecord(part, text.data(), text.size());
  }
  const std::string helper = "def three() -> int:\n  return 3\n";
  writer.writeRecord("code/__torch__/helper.py", helper.data(), helper.size());
  writer.writeEndOfFile();
}

// LibTorch computes such values while it compiles, before anybody can look at their operators.
TEST_F(Operators, OfDefaultsAndConstantsAreNotComputed) {
  const std::string parameter = "fps: Tensor) ->";
  const std::string method = "  def forward(";
  for (const auto& [before, after, is_plain] :
       std::vector<std::tuple<std::string, std::string, bool>>{
           {parameter, "fps: Tensor,\n    p: int=__torch__.helper.three()) ->", false},
           {parameter, "fps: Tensor,\n    p: Tensor=torch.zeros([1])) ->", false},
           {parameter, "fps: Tensor,\n    p: List[int]=[1, __torch__.helper.three()]) ->", false},
           {parameter, "fps: Tensor,\n    p: List[float]=[-1., 2.]) ->", true},
           {parameter, "fps: Tensor,\n    p: Optional[str]=None) ->", true},
           {method, "  p : Final[int] = __torch__.helper.three()\n" + method, false},
           {method, "  p : Final[Tuple[int, str]] = (3, \"three\")\n" + method, true}}) {
    put_in_front("latents = latents + fps.sum()");
    change_code(folder() / "unet.pt", before, after);
    if (is_plain) {
      EXPECT_NO_THROW((void)freeinit::torchscript_operators(folder() / "unet.pt")) << after;
    } else {
      EXPECT_ERROR(invalid_file, "computes a default or a constant, which runs while", load());
      EXPECT_ERROR(invalid_file, "computes a default or a constant, which runs while",
                   freeinit::torchscript_operators(folder() / "unet.pt"));
    }
  }
}

}  // namespace operators_test
