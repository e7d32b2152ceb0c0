// What a run does not compute twice, shown by counting calls of the networks and allocations.

#include "pipeline/tiny_pipeline.hpp"
#include "support/allocation_counter.hpp"

#include <ATen/Functions.h>

#include <memory>
#include <vector>

namespace savings_test {

struct Counts {
  int texts = 0;
  int text_releases = 0;
  std::vector<std::int64_t> unet_batches;
  int frames_decoded = 0;
  int decoder_releases = 0;
};

class CountingTextEncoder final : public freeinit::TextEncoder {
 public:
  CountingTextEncoder(std::shared_ptr<const TextEncoder> inner, Counts& counts)
      : inner_(std::move(inner)), counts_(counts) {}
  at::Tensor encode(const at::Tensor& ids) const override {
    ++counts_.texts;
    return inner_->encode(ids);
  }
  void release() const noexcept override { ++counts_.text_releases; }

 private:
  std::shared_ptr<const TextEncoder> inner_;
  Counts& counts_;
};

class CountingUNet final : public freeinit::VideoUNet {
 public:
  CountingUNet(std::shared_ptr<const VideoUNet> inner, Counts& counts)
      : inner_(std::move(inner)), counts_(counts) {}
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    counts_.unet_batches.push_back(input.latents.size(0));
    return inner_->predict(input);
  }

 private:
  std::shared_ptr<const VideoUNet> inner_;
  Counts& counts_;
};

class CountingAutoencoder final : public freeinit::Autoencoder {
 public:
  CountingAutoencoder(std::shared_ptr<const Autoencoder> inner, Counts& counts)
      : inner_(std::move(inner)), counts_(counts) {}
  at::Tensor decode(const at::Tensor& latents) const override {
    counts_.frames_decoded += static_cast<int>(latents.size(0));
    return inner_->decode(latents);
  }
  at::Tensor encode(const at::Tensor& images) const override { return inner_->encode(images); }
  const freeinit::AutoencoderSpec& spec() const noexcept override { return inner_->spec(); }
  void release() const noexcept override { ++counts_.decoder_releases; }

 private:
  std::shared_ptr<const Autoencoder> inner_;
  Counts& counts_;
};

/// Leaves what the network asks for out of the count.
class UncountedUNet final : public freeinit::VideoUNet {
 public:
  UncountedUNet(std::shared_ptr<const VideoUNet> inner, const AllocationCounter& counter)
      : inner_(std::move(inner)), counter_(counter) {}
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    return counter_.uncounted([&] { return inner_->predict(input); });
  }

 private:
  std::shared_ptr<const VideoUNet> inner_;
  const AllocationCounter& counter_;
};

class Savings : public TinyPipeline {
 protected:
  Savings() {
    request.num_inference_steps = 3;
    request.free_init.num_iters = 3;
    request.negative_prompt = "a dog";
  }

  Counts counts_of(const freeinit::GenerationRequest& wanted) const {
    Counts counts;
    freeinit::ModelBundle bundle = make_tiny_bundle();
    bundle = bundle.with(std::make_shared<CountingTextEncoder>(bundle.text_encoder(), counts));
    bundle = bundle.with(std::make_shared<CountingUNet>(bundle.unet(), counts));
    bundle = bundle.with(std::make_shared<CountingAutoencoder>(bundle.autoencoder(), counts));
    (void)freeinit::TextToVideoPipeline(std::move(bundle)).generate(wanted, inputs, {}, hooks);
    return counts;
  }
};

TEST_F(Savings, TextsAreEncodedOncePerRun) {
  request.num_videos = 2;
  EXPECT_EQ(counts_of(request).texts, 2) << "both prompts, for all passes and videos";
  request.negative_prompt = request.prompt;
  EXPECT_EQ(counts_of(request).texts, 1) << "equal prompts";
}

TEST_F(Savings, WithoutGuidanceNothingIsComputedForTheNegativePrompt) {
  request.guidance_scale = 1.0;
  const Counts counts = counts_of(request);
  EXPECT_EQ(counts.texts, 1);
  EXPECT_EQ(counts.unet_batches, std::vector<std::int64_t>(9, 1));
  request.guidance_scale = 3.0;
  EXPECT_EQ(counts_of(request).unet_batches, std::vector<std::int64_t>(9, 2));
}

TEST_F(Savings, OnlyTheLastPassIsDecoded) {
  EXPECT_EQ(counts_of(request).frames_decoded, request.num_frames);
  hooks.decode = false;
  EXPECT_EQ(counts_of(request).frames_decoded, 0);
}

TEST_F(Savings, AStepAsksForNoMemoryOutsideTheNetwork) {
  for (const double guidance_scale : {1.0, 3.0}) {
    request.guidance_scale = guidance_scale;
    const AllocationCounter counter;
    freeinit::ModelBundle bundle = make_tiny_bundle();
    bundle = bundle.with(std::make_shared<UncountedUNet>(bundle.unet(), counter));
    std::vector<std::int64_t> of_steps;
    std::int64_t before = 0;
    freeinit::RunControl control;
    control.progress = [&](const freeinit::Progress& progress) {
      if (progress.phase != freeinit::Phase::denoise) return;
      if (progress.step > 1) of_steps.push_back(counter.count() - before);
      before = counter.count();
    };
    (void)freeinit::TextToVideoPipeline(std::move(bundle)).generate(request, inputs, control);
    // Of 3 steps a pass all but the first, which makes the latents of the pass.
    EXPECT_EQ(of_steps, std::vector<std::int64_t>(3 * 2, 0)) << "guidance " << guidance_scale;
  }
}

TEST_F(Savings, NetworksAreReleasedWhenTheirWorkIsDone) {
  const Counts counts = counts_of(request);
  EXPECT_EQ(counts.text_releases, 1);
  EXPECT_EQ(counts.decoder_releases, 1);
}

TEST_F(Savings, LowMemoryGivesTheSameVideo) {
  const TemporaryFolder folder;
  tiny_bundle::write(folder.path());
  const freeinit::TextToVideoPipeline late(
      freeinit::ModelBundle::load(folder.path(), {.low_memory = true}));
  const auto expected = generate();
  const auto result = late.generate(request);
  EXPECT_TRUE(latents_of(result).equal(latents_of(expected)));
  EXPECT_TRUE(frames_of(result).equal(frames_of(expected)));
}

TEST_F(Savings, ChunksOnTheWayAreTheWholeVideo) {
  request.num_videos = 2;
  const auto result = generate();
  const at::Tensor expected = frames_of(result);
  const at::Tensor frames = at::full_like(expected, -1.0);
  std::int64_t largest = 0;
  freeinit::decode_video_to(*pipeline.bundle().autoencoder(), latents_of(result), 3,
                            [&](std::int64_t video, std::int64_t first, const at::Tensor& chunk) {
                              largest = std::max(largest, chunk.size(0));
                              frames.select(0, video).narrow(0, first, chunk.size(0)).copy_(chunk);
                            });
  EXPECT_EQ(largest, 3);
  // Chunks of another size: convolutions may take another kernel.
  EXPECT_TRUE(at::allclose(frames, expected, 1e-5, 1e-6));
}

}  // namespace savings_test
