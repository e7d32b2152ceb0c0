#pragma once

#include "support/temporary_folder.hpp"
#include "support/tiny_bundle.hpp"

#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

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

/// A network whose outputs are NaN after so many calls.
class FailingUNet final : public freeinit::VideoUNet {
 public:
  FailingUNet(std::shared_ptr<const VideoUNet> inner, int good_calls)
      : inner_(std::move(inner)), left_(good_calls) {}
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    at::Tensor output = inner_->predict(input);
    return left_-- > 0 ? output : output.mul(std::nan(""));
  }

 private:
  std::shared_ptr<const VideoUNet> inner_;
  mutable int left_;
};

inline freeinit::TextToVideoPipeline make_failing_pipeline(int good_calls) {
  freeinit::ModelBundle bundle = make_tiny_bundle();
  bundle = bundle.with(std::make_shared<FailingUNet>(bundle.unet(), good_calls));
  return freeinit::TextToVideoPipeline(std::move(bundle));
}

/// The latents of all videos, [B,C,F,h,w].
inline at::Tensor latents_of(const freeinit::GenerationResult& result) {
  std::vector<at::Tensor> latents;
  for (const auto& video : result.videos) latents.push_back(video.latents);
  return at::cat(latents);
}

/// The frames of all videos, [B,F,H,W,3].
inline at::Tensor frames_of(const freeinit::GenerationResult& result) {
  std::vector<at::Tensor> frames;
  for (const auto& video : result.videos) frames.push_back(video.frames);
  return at::stack(frames);
}

/// A pipeline on the CPU and a request that takes milliseconds.
class TinyPipeline : public testing::Test {
 protected:
  TinyPipeline() {
    request.prompt = "a cat";
    request.seed = 7;
  }

  [[nodiscard]] freeinit::GenerationResult generate(
      const freeinit::RunControl& control = {}) const {
    return pipeline.generate(request, inputs, control, hooks);
  }
  [[nodiscard]] at::Tensor latents() const { return latents_of(generate()); }

  const freeinit::TextToVideoPipeline pipeline = make_tiny_pipeline();
  freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
  freeinit::GenerationInputs inputs;
  freeinit::GenerationHooks hooks;
};
