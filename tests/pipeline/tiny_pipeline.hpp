#pragma once

#include "support/temporary_folder.hpp"
#include "support/tiny_bundle.hpp"

#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <gtest/gtest.h>

/// The folder of a tiny bundle, there until the process ends: networks may be read late.
inline const std::filesystem::path& tiny_bundle_folder() {
  static const TemporaryFolder folder;
  static const bool written = (tiny_bundle::write(folder.path()), true);
  (void)written;
  return folder.path();
}

/// A tiny bundle on `device`, the same weights every time.
inline freeinit::ModelBundle make_tiny_bundle(at::Device device = at::kCPU) {
  freeinit::BundleOptions options;
  options.device = device;
  return freeinit::ModelBundle::load(tiny_bundle_folder(), options);
}

inline freeinit::TextToVideoPipeline make_tiny_pipeline(at::Device device = at::kCPU) {
  return freeinit::TextToVideoPipeline(make_tiny_bundle(device));
}

/// A pipeline on the CPU and a request that takes milliseconds.
class TinyPipeline : public testing::Test {
 protected:
  TinyPipeline() {
    request.prompt = "a cat";
    request.seed = 7;
  }

  const freeinit::TextToVideoPipeline pipeline = make_tiny_pipeline();
  freeinit::GenerationRequest request =
      freeinit::GenerationRequest::from_manifest(pipeline.bundle().manifest());
};
