#include "networks/tiny_networks.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/dtype.hpp>
#include <freeinit/networks/model_bundle.hpp>

#include <ATen/Functions.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <fstream>

namespace model_bundle_test {

using freeinit::device_from_string;
using freeinit::dtype_from_string;
using freeinit::dtype_to_string;

class ModelBundle : public TinyNetworks {
 protected:
  [[nodiscard]] freeinit::ModelBundle load(const freeinit::BundleOptions& options = {},
                                           const freeinit::RunControl& control = {}) const {
    return freeinit::ModelBundle::load(folder(), options, control);
  }
  void alter_byte(const std::string& file) const {
    std::fstream stream(folder() / file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(100);
    const char byte = static_cast<char>(stream.get() ^ 1);
    stream.seekp(100);
    stream.put(byte);
  }
};

TEST_F(ModelBundle, LoadsEverything) {
  const auto bundle = load();
  EXPECT_EQ(bundle.manifest().name, "tiny");
  EXPECT_EQ(bundle.dtype(), at::kFloat);
  EXPECT_TRUE(bundle.device().is_cpu());
  const auto prompt = bundle.tokenizer().encode("ab");
  const at::Tensor text = bundle.text_encoder()->encode(at::tensor(prompt.ids).unsqueeze(0));
  EXPECT_EQ(text.sizes(), (std::vector<std::int64_t>{1, 12, 8}));
  EXPECT_ERROR(invalid_argument, "9 frames",
               bundle.unet()->check_input({1, 4, 9, 8, 8}, {1, 12, 8}));
  EXPECT_EQ(bundle.autoencoder()->spec().spatial_scale, 2);
}

TEST_F(ModelBundle, LoadsWithAManifestThatWasReadBefore) {
  auto known = manifest();
  known.name = "another";
  EXPECT_EQ(freeinit::ModelBundle::load(known, folder()).manifest().name, "another");
  known.contracts.clear();
  EXPECT_ERROR(invalid_argument, "has no contract of 'text_encoder'",
               freeinit::ModelBundle::load(known, folder()));
}

TEST_F(ModelBundle, WithAnotherNetworkIsAnotherBundle) {
  const auto bundle = load();
  const auto other = bundle.with(load().unet());
  EXPECT_NE(other.unet(), bundle.unet());
  EXPECT_EQ(other.autoencoder(), bundle.autoencoder());
  EXPECT_ERROR(invalid_argument, "network: none",
               bundle.with(std::shared_ptr<const freeinit::VideoUNet>()));
}

TEST_F(ModelBundle, ReportsItsStages) {
  std::vector<int> steps;
  freeinit::RunControl control;
  control.progress = [&](const freeinit::Progress& progress) {
    EXPECT_EQ(progress.phase, freeinit::Phase::load);
    EXPECT_EQ(progress.num_steps, 5);
    steps.push_back(progress.step);
  };
  (void)load({}, control);
  EXPECT_EQ(steps, (std::vector<int>{1, 2, 3, 4, 5}));
}

TEST_F(ModelBundle, StopsBetweenStages) {
  std::stop_source stop;
  stop.request_stop();
  freeinit::RunControl control;
  control.stop = stop.get_token();
  EXPECT_ERROR(cancelled, "loading: stopped", load({}, control));
}

TEST_F(ModelBundle, JitProfilingFlagFollowsTheOption) {
  torch::jit::getProfilingMode() = true;
  freeinit::BundleOptions keep;
  keep.disable_jit_profiling = false;
  (void)load(keep);
  EXPECT_TRUE(torch::jit::getProfilingMode());
  (void)load();
  EXPECT_FALSE(torch::jit::getProfilingMode());
}

TEST_F(ModelBundle, UnknownFolder) {
  EXPECT_ERROR(not_found, "/no/such/bundle", freeinit::ModelBundle::load("/no/such/bundle"));
}

TEST_F(ModelBundle, MissingFile) {
  for (const std::string file :
       {"unet.pt", "text_encoder.pt", "vae_decoder.pt", "tokenizer/vocab.json"}) {
    tiny_bundle::write(folder());
    std::filesystem::remove(folder() / file);
    EXPECT_ERROR(not_found, file, load());
  }
}

TEST_F(ModelBundle, TruncatedFile) {
  std::filesystem::resize_file(folder() / "unet.pt", 1000);
  EXPECT_ERROR(invalid_file, "unet.pt", load());
}

TEST_F(ModelBundle, AlteredFileFailsItsHash) {
  alter_byte("vae_decoder.pt");
  EXPECT_ERROR(invalid_file, "vae_decoder.pt", load());
}

// Few runs encode a video, and the encoder of a real model is a third of its autoencoder.
TEST_F(ModelBundle, TheVaeEncoderIsReadWhenAVideoIsEncoded) {
  const auto bundle = load();
  std::filesystem::resize_file(folder() / "vae_encoder.pt", 100);
  EXPECT_ERROR(invalid_file, "vae_encoder.pt",
               bundle.autoencoder()->encode(at::zeros({1, 3, 8, 8})));
  tiny_bundle::write(folder());
  EXPECT_EQ(bundle.autoencoder()->encode(at::zeros({1, 3, 8, 8})).dim(), 4);
  std::filesystem::remove(folder() / "vae_encoder.pt");
  EXPECT_EQ(bundle.autoencoder()->encode(at::zeros({1, 3, 8, 8})).dim(), 4);
}

TEST_F(ModelBundle, HashesCanBeSkipped) {
  tiny_bundle::edit_manifest(folder(), [](nlohmann::json& manifest) {
    manifest["files"]["unet.pt"]["sha256"] = std::string(64, '0');
  });
  EXPECT_ERROR(invalid_file, "unet.pt", load());
  freeinit::BundleOptions fast;
  fast.verify_hashes = false;
  EXPECT_NO_THROW((void)load(fast));
}

TEST_F(ModelBundle, OtherSchema) {
  tiny_bundle::edit_manifest(folder(), [](nlohmann::json& manifest) { manifest["schema"] = 2; });
  EXPECT_ERROR(unsupported, "schema", load());
}

TEST_F(ModelBundle, SectionsMustAgree) {
  using Edit = std::function<void(nlohmann::json&)>;
  const std::vector<std::pair<std::string, Edit>> edits = {
      {"unet.context_dim", [](auto& manifest) { manifest["unet"]["context_dim"] = 16; }},
      {"tokenizer.max_length", [](auto& manifest) { manifest["tokenizer"]["max_length"] = 77; }},
      {"vae.latent_channels", [](auto& manifest) { manifest["vae"]["latent_channels"] = 8; }},
      {"tokenizer.max_length", [](auto& manifest) { manifest["unet"]["max_text_length"] = 4; }}};
  for (const auto& [named, edit] : edits) {
    tiny_bundle::write(folder());
    tiny_bundle::edit_manifest(folder(), edit);
    EXPECT_ERROR(invalid_file, named, load());
  }
}

TEST_F(ModelBundle, ContractOfANetworkMustAgree) {
  tiny_bundle::edit_manifest(folder(), [](auto& manifest) { manifest["unet"]["max_frames"] = 32; });
  EXPECT_ERROR(invalid_file, "'max_frames' is 8 in the file, but manifest.json says 32", load());
}

TEST_F(ModelBundle, SwappedNetworksAreFound) {
  tiny_bundle::edit_manifest(
      folder(), [](auto& manifest) { manifest["vae"]["decoder_file"] = "text_encoder.pt"; });
  EXPECT_ERROR(invalid_file, "text_encoder.pt", load());
}

TEST_F(ModelBundle, OtherDtypeIsUnsupported) {
  freeinit::BundleOptions options;
  options.dtype = at::kBFloat16;
  EXPECT_ERROR(unsupported, "float32", load(options));
}

TEST_F(ModelBundle, DeviceThisMachineLacks) {
  freeinit::BundleOptions options;
  options.device = at::Device(at::kMPS);
  EXPECT_ERROR(unsupported, "mps", load(options));
}

TEST(DeviceFromString, KnowsCpuAndRefusesOtherNames) {
  EXPECT_TRUE(device_from_string("cpu").is_cpu());
  for (const char* name : {"", "gpu", "CPU", "cpu:0", "cuda:", "cuda:-1", "cuda:1x", "cuda:999"}) {
    EXPECT_ERROR(invalid_argument, "expected cpu, cuda or cuda:N", device_from_string(name));
  }
}

TEST(DtypeFromString, KnowsTheNamesOfManifests) {
  for (const char* name : {"float32", "float16", "bfloat16"}) {
    EXPECT_EQ(dtype_to_string(dtype_from_string(name)), name);
  }
  EXPECT_EQ(dtype_to_string(at::kLong), "Long");
  EXPECT_ERROR(invalid_argument, "float32, float16 or bfloat16", dtype_from_string("half"));
}

TEST(DeviceFromString, CudaIsThereOrUnsupported) {
  if (at::hasCUDA()) {
    EXPECT_TRUE(device_from_string("cuda").is_cuda());
    EXPECT_ERROR(unsupported, "numbered from 0", device_from_string("cuda:100"));
  } else {
    EXPECT_ERROR(unsupported, "'cuda:0'", device_from_string("cuda"));
    EXPECT_ERROR(unsupported, "'cuda:3'", device_from_string("cuda:3"));
  }
}

}  // namespace model_bundle_test
