#include "support/error_of.hpp"
#include "support/golden.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/networks/image_encoder.hpp>

#include <ATen/Functions.h>
#include <torch/csrc/jit/api/module.h>

#include <fstream>

namespace image_encoder_test {

using freeinit::ImageEncoderSpec;
using nlohmann::json;

constexpr const char* kPool = R"(
def forward(self, images):
    return torch.cat([images.mean(dim=[2, 3]), images.amax(dim=[2, 3])], 1)
)";

const json kContract{{"kind", "image_encoder"},
                     {"name", "pool"},
                     {"dtype", "float32"},
                     {"resize", 8},
                     {"crop", 8},
                     {"interpolation", "bilinear"},
                     {"antialias", true},
                     {"mean", {0.5, 0.5, 0.5}},
                     {"std", {0.5, 0.25, 1.0}}};

TEST(ImageEncoderContract, RefusesWhatNoEncoderIs) {
  const auto parse = [](const json& change) {
    json contract = kContract;
    contract.update(change);
    return freeinit::parse_image_encoder_spec(contract.dump(), "m");
  };
  EXPECT_EQ(parse({{"crop", 0}}).crop, 0);
  EXPECT_ERROR(invalid_file, "m: 'dtype' is \"int8\"", parse({{"dtype", "int8"}}));
  EXPECT_ERROR(invalid_file, "at most 8192 pixels", parse({{"resize", std::int64_t{1} << 62}}));
  EXPECT_ERROR(invalid_file, "at most 8192 pixels", parse({{"crop", 8193}}));
}

class ImageEncoders : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& source, const std::string& contract) {
    torch::jit::Module module("Encoder");
    module.define(source);
    const auto path = folder_.path() / "encoder.pt";
    torch::jit::ExtraFilesMap extra;
    if (!contract.empty()) extra["freeinit.json"] = contract;
    module.save(path.string(), extra);
    return path;
  }

  TemporaryFolder folder_;
};

TEST(Preprocessing, EqualsTimmAndVBench) {
  const auto cases = golden::json("analysis/preprocessing.json");
  for (const auto& [name, settings] : cases.items()) {
    SCOPED_TRACE(name);
    ImageEncoderSpec spec;
    spec.resize = settings["resize"];
    spec.crop = settings["crop"];
    spec.interpolation = settings["interpolation"];
    spec.antialias = settings["antialias"];
    const std::string file = "analysis/preprocessing.safetensors";
    const at::Tensor ours =
        freeinit::preprocess_images(golden::tensor(file, name + ".frames"), spec);
    const at::Tensor theirs = golden::tensor(file, name + ".expected");
    // Bytes are equal, so only the last rounding of the normalisation may differ. A byte that
    // differs by one would show as 0.017.
    EXPECT_LT(golden::difference(ours, theirs), 1e-6);
  }
}

TEST_F(ImageEncoders, GivesFeaturesOfPreparedImages) {
  const auto encoder = freeinit::load_torchscript_image_encoder(write(kPool, kContract.dump()));
  EXPECT_EQ(encoder->spec().name, "pool");
  const at::Tensor frames = at::full({5, 8, 12, 3}, 255, at::kByte);
  const at::Tensor features = freeinit::image_features(*encoder, frames, 2);
  EXPECT_EQ(features.sizes(), (std::vector<std::int64_t>{5, 6}));
  const at::Tensor expected = at::tensor({1.0, 2.0, 0.5, 1.0, 2.0, 0.5}, at::kFloat);
  EXPECT_LT(golden::difference(features, expected.expand({5, 6})), 1e-6);
}

TEST_F(ImageEncoders, WithoutAContractIsTakenAsDino) {
  std::string said;
  freeinit::RunControl control;
  control.log = [&](freeinit::LogLevel, std::string_view text) { said = text; };
  const auto encoder =
      freeinit::load_torchscript_image_encoder(write(kPool, ""), at::kCPU, control);
  EXPECT_NE(said.find("DINO"), std::string::npos);
  EXPECT_EQ(encoder->spec().resize, 256);
  EXPECT_EQ(encoder->spec().crop, 224);
}

TEST_F(ImageEncoders, RefusesWhatIsNoImageEncoder) {
  const auto load = [&](const std::string& source, const json& contract) {
    return freeinit::load_torchscript_image_encoder(write(source, contract.dump()));
  };
  const auto changed = [](const char* key, const json& value) {
    json contract = kContract;
    contract[key] = value;
    return contract;
  };
  EXPECT_ERROR(invalid_file, "'kind'", load(kPool, changed("kind", "unet")));
  const auto blind = load(
      "def forward(self, images):\n    return images.mean(dim=[2, 3]) / 0.0 * 0.0\n", kContract);
  EXPECT_ERROR(model, "NaN", freeinit::image_features(*blind, at::zeros({1, 8, 8, 3}, at::kByte)));
  EXPECT_ERROR(invalid_file, "'crop'", load(kPool, changed("crop", -1)));
  EXPECT_ERROR(invalid_file, "'std'", load(kPool, changed("std", {1, 0, 1})));
  EXPECT_ERROR(invalid_file, "'interpolation'", load(kPool, changed("interpolation", "nearest")));
  EXPECT_ERROR(invalid_file, "unknown key 'croq'", load(kPool, changed("croq", 1)));
  EXPECT_ERROR(not_found, "no such file", freeinit::load_torchscript_image_encoder("/none.pt"));
  const auto text = folder_.path() / "text.pt";
  std::ofstream(text) << "not an archive";
  EXPECT_ERROR(invalid_file, "not a readable", freeinit::load_torchscript_image_encoder(text));
}

TEST_F(ImageEncoders, RefusesMoreThanOneVectorAnImage) {
  const auto encoder = freeinit::load_torchscript_image_encoder(
      write("def forward(self, images):\n    return images\n", kContract.dump()));
  EXPECT_ERROR(model, "expected [1, features]",
               freeinit::image_features(*encoder, at::zeros({1, 8, 8, 3}, at::kByte)));
  EXPECT_ERROR(invalid_argument, "pictures", freeinit::image_features(*encoder, at::zeros({8, 8})));
}

}  // namespace image_encoder_test
