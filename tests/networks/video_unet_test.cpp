#include "networks/tiny_networks.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/backends/unet_backend.hpp>

#include <ATen/Functions.h>
#include <torch/csrc/jit/serialization/import.h>

#include <exception>
#include <fstream>
#include <functional>
#include <memory>

namespace video_unet_test {

using freeinit::check_unet_input;
using freeinit::Manifest;
using freeinit::UNetSpec;

class VideoUNet : public TinyNetworks {
 protected:
  [[nodiscard]] std::unique_ptr<const freeinit::VideoUNet> load() const {
    return freeinit::load_unet(folder(), manifest(), "torchscript");
  }
  /// With another manifest than the bundle's, and no contract unless `edit` makes one.
  [[nodiscard]] std::unique_ptr<const freeinit::VideoUNet> load_edited(
      const std::function<void(Manifest&)>& edit = [](Manifest&) {}) const {
    Manifest edited = manifest();
    edited.contracts["unet"] = "";
    edit(edited);
    return freeinit::load_unet(folder(), edited, "torchscript");
  }
  /// Replaces the UNet by another program, keeping its contract.
  void replace_by(const std::string& source) const {
    tiny_bundle::write(folder(), {.unet_source = source});
  }
};

const at::Tensor& latents() {
  static const at::Tensor value =
      at::arange(2 * 4 * 3 * 4 * 6, at::kFloat).sin().reshape({2, 4, 3, 4, 6});
  return value;
}
const at::Tensor& text() {
  static const at::Tensor value = at::arange(2 * 12 * 8, at::kFloat).cos().reshape({2, 12, 8});
  return value;
}

UNetSpec limits() {
  UNetSpec spec;
  spec.in_channels = 4;
  spec.context_dim = 8;
  spec.latent_multiple_of = 8;
  spec.max_frames = 24;
  spec.max_text_length = 77;
  return spec;
}

TEST(CheckUNetInput, AcceptsWhatTheModelCanDo) {
  check_unet_input(limits(), {2, 4, 24, 8, 64}, {2, 77, 8});
  check_unet_input(limits(), {1, 4, 1, 16, 8}, {1, 1, 8});
}

TEST(CheckUNetInput, NamesTheWrongSizeAndTheRightOnes) {
  const auto with = [](std::vector<std::int64_t> latents, std::vector<std::int64_t> text) {
    return error_of([&] { check_unet_input(limits(), latents, text); }).what() + std::string();
  };
  EXPECT_EQ(with({1, 4, 16, 45, 64}, {1, 77, 8}),
            "latents [1, 4, 16, 45, 64]: height 45 is not a multiple of 8; use 40 or 48");
  EXPECT_EQ(with({1, 4, 16, 8, 3}, {1, 77, 8}),
            "latents [1, 4, 16, 8, 3]: width 3 is not a multiple of 8; use 8");
  EXPECT_EQ(with({1, 4, 33, 8, 8}, {1, 77, 8}),
            "latents [1, 4, 33, 8, 8]: 33 frames; the model does 1 to 24");
  EXPECT_EQ(with({1, 3, 16, 8, 8}, {1, 77, 8}),
            "latents [1, 3, 16, 8, 8]: 3 channels; the model has 4");
  EXPECT_EQ(with({1, 4, 16, 8}, {1, 77, 8}),
            "latents [1, 4, 16, 8]: expected [batch, channels, frames, height, width]");
  EXPECT_EQ(with({0, 4, 16, 8, 8}, {0, 77, 8}), "latents [0, 4, 16, 8, 8]: the batch is empty");
  EXPECT_EQ(with({2, 4, 16, 8, 8}, {1, 77, 8}),
            "text embedding [1, 77, 8]: batch 1, but the latents have batch 2");
  EXPECT_EQ(with({1, 4, 16, 8, 8}, {1, 78, 8}),
            "text embedding [1, 78, 8]: length 78; the model takes 1 to 77");
  EXPECT_EQ(with({1, 4, 16, 8, 8}, {1, 77, 768}),
            "text embedding [1, 77, 768]: width 768; the model attends to width 8");
  EXPECT_EQ(with({1, 4, 16, 8, 8}, {77, 8}),
            "text embedding [77, 8]: expected [batch, length, width]");
}

TEST(CheckUNetInput, WithoutLimitsAnyLengthIsRight) {
  UNetSpec spec = limits();
  spec.max_frames.reset();
  spec.max_text_length.reset();
  check_unet_input(spec, {1, 4, 1000, 8, 8}, {1, 1000, 8});
}

TEST_F(VideoUNet, EveryInputReachesTheNetwork) {
  const auto unet = load();
  const at::Tensor base = unet->predict({latents(), 500, text()});
  EXPECT_EQ(base.sizes(), latents().sizes());
  EXPECT_FALSE(base.equal(unet->predict({latents(), 501, text()})));
  EXPECT_FALSE(base.equal(unet->predict({latents(), 500.5, text()})));
  EXPECT_FALSE(base.equal(unet->predict({latents(), 500, text().mul(2)})));
  EXPECT_FALSE(base.equal(unet->predict({latents(), 500, text(), 9.0})));
  EXPECT_TRUE(base.equal(unet->predict({latents(), 500, text()})));
}

TEST_F(VideoUNet, KeepsTheDtypeOfTheLatents) {
  const at::Tensor output = load()->predict({latents().to(at::kDouble), 10, text()});
  EXPECT_EQ(output.scalar_type(), at::kDouble);
}

TEST_F(VideoUNet, RunsWithoutAutograd) {
  at::Tensor watched = latents().clone().set_requires_grad(true);
  EXPECT_FALSE(load()->predict({watched, 10, text()}).requires_grad());
}

/// The network here returns how many samples it saw, and the text of each.
TEST_F(VideoUNet, TakesTheSamplesOfALargeBatchOneByOne) {
  replace_by(
      "def forward(self, latents, timestep, text, fps):\n"
      "    return latents * 0 + latents.size(0) + 10 * text[:, 0, 0].reshape(-1, 1, 1, 1, 1)\n");
  const auto unet = load();
  const at::Tensor texts = at::zeros({2, 12, 8});
  texts[1].fill_(1);
  const auto seen = [&](std::int64_t width) {
    const at::Tensor output =
        unet->predict({.latents = at::ones({2, 4, 8, 64, width}), .text = texts});
    EXPECT_EQ(output.sizes(), (std::vector<std::int64_t>{2, 4, 8, 64, width}));
    return output.select(4, width - 1).select(3, 0).select(2, 0).select(1, 0);
  };
  EXPECT_TRUE(at::equal(seen(64), at::tensor({2.0F, 12.0F})));
  EXPECT_TRUE(at::equal(seen(66), at::tensor({1.0F, 11.0F})));
  EXPECT_ERROR(
      invalid_argument, "batch 1, but the latents have batch 2",
      unet->predict({.latents = at::ones({2, 4, 8, 64, 66}), .text = texts.narrow(0, 0, 1)}));
}

TEST_F(VideoUNet, RefusesShapesBeforeTheNetworkRuns) {
  EXPECT_ERROR(invalid_argument, "height 5 is not a multiple of 2; use 4 or 6",
               load()->predict({at::zeros({1, 4, 3, 5, 6}), 10, text().narrow(0, 0, 1)}));
}

TEST_F(VideoUNet, NarrowWeightsAreWidened) {
  tiny_bundle::write(folder(), {.half_weights = true});
  const auto unet = load();
  EXPECT_EQ(unet->predict({latents(), 10, text()}).scalar_type(), at::kFloat);
}

TEST_F(VideoUNet, WideWeightsOfHalfPrecisionNetworksAreLeft) {
  replace_by(R"(
def forward(self, latents, timestep, text, fps):
    assert self.mood.dtype == 6  # float32
    assert latents.dtype == 5  # float16
    return latents + self.mood.sum().to(latents.dtype)
)");
  const auto unet = load_edited([](Manifest& edited) { edited.unet.dtype = "float16"; });
  EXPECT_EQ(unet->predict({latents(), 10, text()}).scalar_type(), at::kFloat);
}

TEST_F(VideoUNet, WeightsThatTheGraphWidensAreLeft) {
  const auto file = folder() / "unet.pt";
  tiny_bundle::write(folder(), {.unet_source = R"(
def forward(self, latents, timestep, text, fps):
    assert self.mood.dtype == 5  # float16
    return latents + self.mood.to(6).sum()
)",
                                .half_weights = true});
  const auto run = [&] { return load_edited()->predict({latents(), 10, text()}); };
  EXPECT_ERROR(model, "AssertionError", run());  // widened
  auto network = torch::jit::load(file.string());
  network.register_attribute("widens_weights", c10::BoolType::get(), true);
  network.save(file.string());
  EXPECT_EQ(run().scalar_type(), at::kFloat);
}

TEST_F(VideoUNet, MissingFile) {
  EXPECT_ERROR(not_found, "nothing.pt': no such file",
               load_edited([](Manifest& edited) { edited.unet.file = "nothing.pt"; }));
}

TEST_F(VideoUNet, NoTorchScriptFile) {
  std::ofstream(folder() / "unet.pt") << "this is no archive";
  const auto error = error_of([&] { (void)load(); });
  EXPECT_EQ(error.code(), freeinit::ErrorCode::invalid_file);
  EXPECT_NE(std::string(error.what()).find("not a readable TorchScript file"), std::string::npos)
      << error.what();
  try {
    (void)load();
  } catch (const freeinit::Error& seen) {
    EXPECT_THROW(std::rethrow_if_nested(seen), std::exception) << "the cause is not nested";
  }
}

TEST_F(VideoUNet, TruncatedFile) {
  std::filesystem::resize_file(folder() / "unet.pt",
                               std::filesystem::file_size(folder() / "unet.pt") / 2);
  EXPECT_ERROR(invalid_file, "not a readable TorchScript file", load());
}

TEST_F(VideoUNet, ContractMustAgree) {
  const auto known = manifest();
  const auto with = [&](const std::string& contract) {
    return load_edited([&](Manifest& edited) { edited.contracts["unet"] = contract; });
  };
  EXPECT_NO_THROW((void)with("")) << "an empty contract skips the comparison";
  nlohmann::json contract = nlohmann::json::parse(known.contracts.at("unet"));
  contract["context_dim"] = 768;
  EXPECT_ERROR(invalid_file, "'context_dim' is 8 in the file, but manifest.json says 768",
               with(contract.dump()));
  contract["context_dim"] = 8;
  contract.erase("uses_fps");
  EXPECT_ERROR(invalid_file, "'uses_fps' is true in the file, but manifest.json says absent",
               with(contract.dump()));
}

TEST_F(VideoUNet, AManifestMadeByHandNeedsAContract) {
  EXPECT_ERROR(invalid_argument, "has no contract of 'unet'",
               load_edited([](Manifest& edited) { edited.contracts.clear(); }));
}

TEST_F(VideoUNet, ChecksSizesWithoutComputing) {
  const auto unet = load();
  EXPECT_NO_THROW(unet->check_input({1, 4, 8, 8, 8}, {1, 12, 8}));
  EXPECT_ERROR(invalid_argument, "9 frames", unet->check_input({1, 4, 9, 8, 8}, {1, 12, 8}));
}

/// One of a caller's own: a single method.
class Doubling final : public freeinit::VideoUNet {
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    return input.latents.mul(2);
  }
};

TEST(OwnVideoUNet, NeedsOneMethod) {
  const std::unique_ptr<const freeinit::VideoUNet> unet = std::make_unique<Doubling>();
  EXPECT_TRUE(unet->predict({latents(), 1.5, text()}).equal(latents().mul(2)));
  EXPECT_NO_THROW(unet->check_input({1}, {}));
  EXPECT_FALSE(unet->can_reuse_features());
  EXPECT_ERROR(unsupported, "cannot reuse features", unet->predict_deep({latents(), 1, text()}));
}

TEST_F(VideoUNet, WrongNumberOfInputs) {
  replace_by("def forward(self, latents, timestep, text):\n    return latents\n");
  EXPECT_ERROR(invalid_file,
               "forward takes 3 tensors and returns 1; expected forward(latents, timestep, text, "
               "fps) -> one tensor",
               load());
}

TEST_F(VideoUNet, NoForward) {
  replace_by("def other(self, latents):\n    return latents\n");
  EXPECT_ERROR(invalid_file, "has no forward(latents, timestep, text, fps)", load());
}

TEST_F(VideoUNet, OtherDtypeIsUnsupported) {
  EXPECT_ERROR(unsupported, "was exported in float32 and runs in it alone, not in float16; export",
               freeinit::load_unet(folder(), manifest(), "torchscript", at::kCPU, at::kHalf));
}

TEST_F(VideoUNet, OtherFormatIsUnsupported) {
  EXPECT_ERROR(unsupported, "format 'onnx'",
               load_edited([](Manifest& edited) { edited.unet.format = "onnx"; }));
}

TEST_F(VideoUNet, FailureInsideTheNetworkIsOneLine) {
  replace_by(
      "def forward(self, latents, timestep, text, fps):\n"
      "    return latents + torch.zeros([7, 7])\n");
  const auto error = error_of([&] { (void)load()->predict({latents(), 10, text()}); });
  EXPECT_EQ(error.code(), freeinit::ErrorCode::model);
  const std::string message = error.what();
  EXPECT_NE(message.find("forward failed for inputs of [2, 4, 3, 4, 6], [2], [2, 12, 8], [2]: "
                         "The size of tensor a (6) must match"),
            std::string::npos)
      << message;
}

TEST_F(VideoUNet, WrongResultIsRefused) {
  replace_by("def forward(self, latents, timestep, text, fps):\n    return latents[:, :, 1:]\n");
  EXPECT_ERROR(model, "forward returned [2, 4, 2, 4, 6]; expected [2, 4, 3, 4, 6]",
               load()->predict({latents(), 10, text()}));
  replace_by("def forward(self, latents, timestep, text, fps):\n    return 3\n");
  EXPECT_ERROR(model, "forward returned Int, not a tensor",
               load()->predict({latents(), 10, text()}));
}

}  // namespace video_unet_test
