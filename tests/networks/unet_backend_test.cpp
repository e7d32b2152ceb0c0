#include "networks/tiny_networks.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/model_bundle.hpp>

#include <ATen/Functions.h>

#include <algorithm>

namespace unet_backend_test {

using freeinit::UNetBackend;

class UNetBackends : public TinyNetworks {};

/// A backend whose files nobody needs to read.
freeinit::Manifest with_backend(freeinit::Manifest manifest, const std::string& name) {
  freeinit::UNetBackendSpec& backend = manifest.unet_backends[name];
  backend.file = "unet.other";
  return manifest;
}

TEST(UNetBackend, NamesAreRead) {
  for (const auto backend : {UNetBackend::torchscript, UNetBackend::winograd, UNetBackend::openvino,
                             UNetBackend::int8, UNetBackend::float16_weights}) {
    EXPECT_EQ(freeinit::unet_backend_from_string(to_string(backend)), backend);
  }
  EXPECT_ERROR(invalid_argument,
               "backend 'onnx': unknown; expected torchscript, winograd, openvino, int8 or "
               "float16-weights",
               freeinit::unet_backend_from_string("onnx"));
}

TEST(UNetBackend, TorchScriptIsAlwaysBuilt) {
  EXPECT_EQ(freeinit::built_unet_backends().front(), UNetBackend::torchscript);
}

TEST_F(UNetBackends, WithoutOthersTorchScriptIsTheDefault) {
  EXPECT_EQ(freeinit::default_unet_backend(manifest(), at::kCPU), UNetBackend::torchscript);
  EXPECT_EQ(freeinit::ModelBundle::load(folder()).backend, UNetBackend::torchscript);
}

TEST_F(UNetBackends, WinogradIsTheDefaultOfWideNetworksOnTheCpuInFloat32) {
  auto wide = with_backend(manifest(), "openvino");
  wide.files.at(wide.unet.file).bytes = 128U << 20U;
  EXPECT_EQ(freeinit::default_unet_backend(wide, at::kCPU), UNetBackend::winograd);
  EXPECT_EQ(freeinit::default_unet_backend(wide, at::kCUDA), UNetBackend::torchscript);
  wide.files.at(wide.unet.file).bytes -= 1;
  EXPECT_NE(freeinit::default_unet_backend(wide, at::kCPU), UNetBackend::winograd);
  wide.files.at(wide.unet.file).bytes += 1;
  wide.unet.dtype = "float16";
  EXPECT_EQ(freeinit::default_unet_backend(wide, at::kCPU), UNetBackend::torchscript);
}

TEST_F(UNetBackends, ExactFloat16WeightsAreTheDefaultOfWideNetworks) {
  auto wide = with_backend(manifest(), "float16-weights");
  wide.files.at(wide.unet.file).bytes = 128U << 20U;
  EXPECT_EQ(freeinit::default_unet_backend(wide, at::kCPU), UNetBackend::float16_weights);
  EXPECT_EQ(freeinit::default_unet_backend(wide, at::kCUDA), UNetBackend::torchscript);
  wide.unet_backends.at("float16-weights").verified_max_relative_error = 7e-4;
  EXPECT_EQ(freeinit::default_unet_backend(wide, at::kCPU), UNetBackend::winograd);
}

TEST_F(UNetBackends, ABundleWithoutItIsNamed) {
  EXPECT_ERROR(unsupported,
               "backend 'openvino': the bundle has none; add it with 'freeinit-export backend "
               "openvino BUNDLE'",
               freeinit::ModelBundle::load(folder(), {.backend = UNetBackend::openvino}));
}

TEST_F(UNetBackends, ABuildWithoutItIsNamed) {
  const auto built = freeinit::built_unet_backends();
  for (const auto backend : {UNetBackend::openvino}) {
    if (std::find(built.begin(), built.end(), backend) != built.end()) continue;
    const auto known = with_backend(manifest(), to_string(backend));
    EXPECT_ERROR(unsupported, "this build has none; configure it with FREEINIT_WITH_",
                 freeinit::load_unet(folder(), known, backend, at::kCPU));
    EXPECT_EQ(freeinit::default_unet_backend(known, at::kCPU), UNetBackend::torchscript);
  }
}

TEST_F(UNetBackends, WhatRoundsWeightsIsNeverTheDefault) {
  for (const char* name : {"int8", "float16-weights"}) {
    const auto known = with_backend(manifest(), name);
    EXPECT_EQ(freeinit::default_unet_backend(known, at::kCPU), UNetBackend::torchscript);
  }
}

TEST_F(UNetBackends, WinogradRunsTheFileOfTheReference) {
  const auto bundle = freeinit::ModelBundle::load(folder(), {.backend = UNetBackend::winograd});
  EXPECT_EQ(bundle.backend, UNetBackend::winograd);
  const auto& spec = bundle.manifest.unet;
  const at::Tensor latents = at::full({1, spec.in_channels, 2, 8, 8}, 0.3);
  const at::Tensor text = at::full({1, 12, spec.context_dim}, 0.1);
  const auto reference =
      freeinit::load_unet(folder(), bundle.manifest, UNetBackend::torchscript, at::kCPU);
  EXPECT_TRUE(bundle.unet->predict({latents, 500, text})
                  .allclose(reference->predict({latents, 500, text}), 1e-5, 1e-5));
}

TEST_F(UNetBackends, WinogradServesFloat32OnTheCpuAlone) {
  auto known = manifest();
  EXPECT_ERROR(unsupported, "backend 'winograd': runs on the cpu alone, not on 'cuda'",
               freeinit::load_unet(folder(), known, UNetBackend::winograd, at::kCUDA));
  known.unet.dtype = "float16";
  EXPECT_ERROR(unsupported, "backend 'winograd': computes in float32, and this network in float16",
               freeinit::load_unet(folder(), known, UNetBackend::winograd, at::kCPU));
}

TEST_F(UNetBackends, LowMemoryGivesTheSameNumbers) {
  const auto eager = freeinit::ModelBundle::load(folder());
  const auto late = freeinit::ModelBundle::load(folder(), {.low_memory = true});
  const at::Tensor ids = at::full({1, 12}, 7, at::kLong);
  const at::Tensor latents = at::full({2, 4, 3, 5}, 0.3);
  EXPECT_EQ(late.autoencoder->spec().spatial_scale, eager.autoencoder->spec().spatial_scale);
  for (int round = 0; round < 2; ++round) {  // the second after a release
    EXPECT_TRUE(late.text_encoder->encode(ids).equal(eager.text_encoder->encode(ids)));
    EXPECT_TRUE(late.autoencoder->decode(latents).equal(eager.autoencoder->decode(latents)));
    late.text_encoder->release();
    late.autoencoder->release();
  }
}

TEST_F(UNetBackends, LowMemoryReadsNothingBeforeItIsNeeded) {
  const auto late = freeinit::ModelBundle::load(folder(), {.low_memory = true});
  const at::Tensor ids = at::full({1, 12}, 7, at::kLong);
  (void)late.text_encoder->encode(ids);
  std::filesystem::remove(folder() / "text_encoder.pt");
  EXPECT_NO_THROW((void)late.text_encoder->encode(ids)) << "kept until it is released";
  late.text_encoder->release();
  EXPECT_ERROR(not_found, "text_encoder.pt': no such file", late.text_encoder->encode(ids));
  std::filesystem::remove(folder() / "vae_decoder.pt");
  EXPECT_ERROR(not_found, "vae_decoder.pt': no such file",
               late.autoencoder->decode(at::zeros({1, 4, 2, 2})));
}

TEST_F(UNetBackends, WhatIsReadLaterIsFoundFromAnotherFolder) {
  const std::filesystem::path start = std::filesystem::current_path();
  const at::Tensor images = at::zeros({1, 3, 8, 8});
  for (const bool low_memory : {false, true}) {
    std::filesystem::current_path(folder().parent_path());
    const auto bundle =
        freeinit::ModelBundle::load(folder().filename(), {.low_memory = low_memory});
    std::filesystem::current_path(start);
    EXPECT_NO_THROW((void)bundle.text_encoder->encode(at::full({1, 12}, 7, at::kLong)));
    EXPECT_NO_THROW((void)bundle.autoencoder->encode(images));
  }
}

}  // namespace unet_backend_test
