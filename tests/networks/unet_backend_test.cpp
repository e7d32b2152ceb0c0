#include "networks/tiny_networks.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/model_bundle.hpp>

#include <ATen/Functions.h>

#include <string>

namespace unet_backend_test {

using freeinit::default_unet_backend;

class UNetBackends : public TinyNetworks {};

/// A backend whose files nobody needs to read.
freeinit::Manifest with_backend(freeinit::Manifest manifest, const std::string& name) {
  freeinit::UNetBackendSpec& backend = manifest.unet_backends[name];
  backend.file = "unet.other";
  return manifest;
}

TEST(UNetBackend, NamesAreRead) {
  for (const auto& backend : freeinit::unet_backends()) {
    EXPECT_EQ(&freeinit::unet_backend(backend.name), &backend);
    EXPECT_EQ(backend.build_option.empty(), backend.name == "torchscript");
  }
  EXPECT_ERROR(invalid_argument,
               "backend 'onnx': unknown; expected one of float16-weights, winograd, openvino, "
               "torchscript, int8, bfloat16, cuda-graphs",
               freeinit::unet_backend("onnx"));
}

TEST(UNetBackend, TheVersionOfOpenVinoIsThereWhereItIs) {
  EXPECT_NE(freeinit::openvino_version().empty(), freeinit::unet_backend("openvino").is_built());
}

TEST(UNetBackend, TorchScriptIsAlwaysBuilt) {
  EXPECT_TRUE(freeinit::unet_backend("torchscript").is_built());
}

TEST_F(UNetBackends, WithoutOthersTorchScriptIsTheDefault) {
  EXPECT_EQ(default_unet_backend(manifest(), at::kCPU).name, "torchscript");
  EXPECT_EQ(freeinit::ModelBundle::load(folder()).backend().name, "torchscript");
}

TEST_F(UNetBackends, WinogradIsTheDefaultOfWideNetworksOnTheCpuInFloat32) {
  auto wide = with_backend(with_backend(manifest(), "openvino"), "float16-weights");
  wide.files.at(wide.unet.file).bytes = 128U << 20U;
  EXPECT_EQ(default_unet_backend(wide, at::kCPU).name, "winograd");
  EXPECT_EQ(default_unet_backend(wide, at::kCUDA).name, "torchscript");
  wide.files.at(wide.unet.file).bytes -= 1;
  EXPECT_NE(default_unet_backend(wide, at::kCPU).name, "winograd");
  wide.files.at(wide.unet.file).bytes += 1;
  wide.unet.dtype = "float16";
  EXPECT_EQ(default_unet_backend(wide, at::kCPU).name, "torchscript");
}

TEST_F(UNetBackends, ABundleWithoutItIsNamed) {
  EXPECT_ERROR(unsupported,
               "backend 'openvino': the bundle has none; add it with 'freeinit-export backend "
               "openvino BUNDLE'",
               freeinit::ModelBundle::load(folder(), {.backend = "openvino"}));
}

TEST_F(UNetBackends, ABuildWithoutItIsNamed) {
  for (const auto& backend : freeinit::unet_backends()) {
    if (backend.is_built()) continue;
    const auto known = with_backend(manifest(), std::string(backend.name));
    EXPECT_ERROR(
        unsupported,
        "this build has none; configure it with " + std::string(backend.build_option) + "=ON",
        freeinit::load_unet(folder(), known, backend.name));
    EXPECT_EQ(default_unet_backend(known, at::kCPU).name, "torchscript");
  }
}

// What a later version of the exporter made is no reason to refuse the rest of a bundle.
TEST_F(UNetBackends, OneThatNoBuildKnowsIsRefusedWhenItIsChosen) {
  const auto known = with_backend(manifest(), "onnx");
  EXPECT_EQ(freeinit::ModelBundle::load(known, folder()).backend().name, "torchscript");
  EXPECT_ERROR(invalid_argument, "backend 'onnx': unknown",
               freeinit::ModelBundle::load(known, folder(), {.backend = "onnx"}));
}

TEST_F(UNetBackends, WhoReusesFeaturesGetsOneThatCan) {
  const auto small = with_backend(manifest(), "openvino");
  EXPECT_EQ(default_unet_backend(small, at::kCPU, /*reuses_features=*/true).name, "torchscript");
}

TEST_F(UNetBackends, WhatRoundsWeightsIsNeverTheDefault) {
  for (const char* name : {"int8", "float16-weights"}) {
    const auto known = with_backend(manifest(), name);
    EXPECT_EQ(default_unet_backend(known, at::kCPU).name, "torchscript");
  }
}

TEST_F(UNetBackends, WinogradRunsTheFileOfTheReference) {
  const auto bundle = freeinit::ModelBundle::load(folder(), {.backend = "winograd"});
  EXPECT_EQ(bundle.backend().name, "winograd");
  const auto& spec = bundle.manifest().unet;
  const at::Tensor latents = at::full({1, spec.in_channels, 2, 8, 8}, 0.3);
  const at::Tensor text = at::full({1, 12, spec.context_dim}, 0.1);
  const auto reference = freeinit::load_unet(folder(), bundle.manifest(), "torchscript", at::kCPU);
  EXPECT_TRUE(bundle.unet()
                  ->predict({latents, 500, text})
                  .allclose(reference->predict({latents, 500, text}), 1e-5, 1e-5));
}

TEST_F(UNetBackends, Bfloat16RunsTheFileOfTheReferenceAndRoundsLinearLayers) {
  if (!freeinit::unet_backend("bfloat16").refusal(manifest(), at::kCPU).empty())
    GTEST_SKIP() << "this processor has no such products";
  const auto narrow = freeinit::load_unet(folder(), manifest(), "bfloat16", at::kCPU);
  const auto reference = freeinit::load_unet(folder(), manifest(), "torchscript", at::kCPU);
  const at::Tensor latents = at::full({1, manifest().unet.in_channels, 2, 8, 8}, 0.3);
  const at::Tensor text = at::full({1, 12, manifest().unet.context_dim}, 0.1);
  const at::Tensor expected = reference->predict({latents, 500, text});
  const at::Tensor found = narrow->predict({latents, 500, text});
  EXPECT_EQ(found.scalar_type(), at::kFloat);
  const double difference =
      found.sub(expected).abs().max().div(expected.abs().max()).item<double>();
  EXPECT_LT(difference, 2e-2);
  EXPECT_EQ(found.equal(expected), difference == 0.0);
}

TEST_F(UNetBackends, Bfloat16IsNeverTheDefaultAndServesFloat32OnTheCpuAlone) {
  auto wide = manifest();
  wide.files.at(wide.unet.file).bytes = 128U << 20U;
  EXPECT_NE(default_unet_backend(wide, at::kCPU).name, "bfloat16");
  EXPECT_ERROR(unsupported, "backend 'bfloat16': runs on the cpu alone, not on 'cuda'",
               freeinit::load_unet(folder(), wide, "bfloat16", at::kCUDA));
}

TEST_F(UNetBackends, WinogradServesFloat32OnTheCpuAlone) {
  auto known = manifest();
  EXPECT_ERROR(unsupported, "backend 'winograd': runs on the cpu alone, not on 'cuda'",
               freeinit::load_unet(folder(), known, "winograd", at::kCUDA));
  known.unet.dtype = "float16";
  EXPECT_ERROR(unsupported, "backend 'winograd': computes in float32, and this network in float16",
               freeinit::load_unet(folder(), known, "winograd", at::kCPU));
}

TEST_F(UNetBackends, LowMemoryGivesTheSameNumbers) {
  const auto eager = freeinit::ModelBundle::load(folder());
  const auto late = freeinit::ModelBundle::load(folder(), {.low_memory = true});
  const at::Tensor ids = at::full({1, 12}, 7, at::kLong);
  const at::Tensor latents = at::full({2, 4, 3, 5}, 0.3);
  EXPECT_EQ(late.autoencoder()->spec().spatial_scale, eager.autoencoder()->spec().spatial_scale);
  for (int round = 0; round < 2; ++round) {  // the second after a release
    EXPECT_TRUE(late.text_encoder()->encode(ids).equal(eager.text_encoder()->encode(ids)));
    EXPECT_TRUE(late.autoencoder()->decode(latents).equal(eager.autoencoder()->decode(latents)));
    late.text_encoder()->release();
    late.autoencoder()->release();
  }
}

TEST_F(UNetBackends, LowMemoryReadsNothingBeforeItIsNeeded) {
  const auto late = freeinit::ModelBundle::load(folder(), {.low_memory = true});
  const at::Tensor ids = at::full({1, 12}, 7, at::kLong);
  (void)late.text_encoder()->encode(ids);
  std::filesystem::remove(folder() / "text_encoder.pt");
  EXPECT_NO_THROW((void)late.text_encoder()->encode(ids)) << "kept until it is released";
  late.text_encoder()->release();
  EXPECT_ERROR(not_found, "text_encoder.pt': no such file", late.text_encoder()->encode(ids));
  std::filesystem::remove(folder() / "vae_decoder.pt");
  EXPECT_ERROR(not_found, "vae_decoder.pt': no such file",
               late.autoencoder()->decode(at::zeros({1, 4, 2, 2})));
}

TEST_F(UNetBackends, WhatIsReadLaterIsFoundFromAnotherFolder) {
  const std::filesystem::path start = std::filesystem::current_path();
  const at::Tensor images = at::zeros({1, 3, 8, 8});
  for (const bool low_memory : {false, true}) {
    std::filesystem::current_path(folder().parent_path());
    const auto bundle =
        freeinit::ModelBundle::load(folder().filename(), {.low_memory = low_memory});
    std::filesystem::current_path(start);
    EXPECT_NO_THROW((void)bundle.text_encoder()->encode(at::full({1, 12}, 7, at::kLong)));
    EXPECT_NO_THROW((void)bundle.autoencoder()->encode(images));
  }
}

}  // namespace unet_backend_test
