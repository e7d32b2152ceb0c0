#pragma once

#include "support/temporary_folder.hpp"
#include "support/tiny_bundle.hpp"

#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <gtest/gtest.h>

/// A pipeline over a tiny bundle on `device`.
inline freeinit::TextToVideoPipeline make_tiny_pipeline(at::Device device = at::kCPU) {
  const TemporaryFolder folder;
  tiny_bundle::write(folder.path());
  freeinit::BundleOptions options;
  options.device = device;
  return freeinit::TextToVideoPipeline(freeinit::ModelBundle::load(folder.path(), options));
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
      freeinit::GenerationRequest::from_manifest(pipeline.bundle().manifest);
};
