#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/guidance.hpp>

#include <ATen/Functions.h>

#include <vector>

namespace video_init_test {

using freeinit::NoiseSource;
using freeinit::VideoNoiseSource;

/// A second a call, on a clock of its own.
class SlowUNet final : public freeinit::VideoUNet {
 public:
  explicit SlowUNet(std::shared_ptr<const VideoUNet> inner) : inner_(std::move(inner)) {}
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    seconds += 1.0;
    return inner_->predict(input);
  }

  mutable double seconds = 0.0;

 private:
  std::shared_ptr<const VideoUNet> inner_;
};

class VideoInit : public TinyPipeline {
 protected:
  VideoInit() { request.decode = false; }

  [[nodiscard]] at::Tensor latents() { return pipeline.generate(request).latents; }

  const std::vector<std::int64_t> shape{1, 4, 4, 8, 8};
  const at::Tensor clip = NoiseSource(5).draw(shape).cumsum(2);
};

TEST_F(VideoInit, ContinuesWithTheGeneratorThatDiffused) {
  request.video_init.latents = clip;
  std::vector<at::Tensor> starts;
  request.on_noise = [&](int pass, const at::Tensor& noise) {
    EXPECT_EQ(pass, int(starts.size()));
    starts.push_back(noise.clone());
  };
  std::vector<at::Tensor> results;
  request.on_pass = [&](int, const at::Tensor& result) { results.push_back(result.clone()); };
  (void)latents();

  NoiseSource noise(request.seed);
  const at::Tensor first = pipeline.scheduler().add_noise(clip, noise.draw(shape), 999);
  ASSERT_EQ(starts.size(), 2u);
  EXPECT_TRUE(starts[0].equal(first));
  const freeinit::NoiseReinitializer mix(request.free_init.filter, 4, 8, 8);
  const at::Tensor diffused = pipeline.scheduler().add_noise(results[0], first, 999);
  EXPECT_TRUE(starts[1].equal(mix(diffused, noise.draw(shape)))) << "fresh noise is drawn twice";
}

TEST_F(VideoInit, SourceAndBandChangeTheResult) {
  const at::Tensor plain = latents();
  request.video_init.latents = clip;
  const at::Tensor diffused = latents();
  request.video_init.low_band = true;
  const at::Tensor low = latents();
  request.video_init.source = VideoNoiseSource::invert;
  const at::Tensor low_inverted = latents();
  request.video_init.low_band = false;
  const at::Tensor inverted = latents();
  const std::vector<at::Tensor> all{plain, diffused, low, low_inverted, inverted};
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) EXPECT_FALSE(all[i].equal(all[k])) << i << " " << k;
  }
}

TEST_F(VideoInit, InversionIsPaidFromTheBudget) {
  const std::int64_t steps = request.num_inference_steps;
  request.video_init = {.latents = clip, .source = VideoNoiseSource::invert};
  request.free_init.num_iters = 3;
  for (const std::int64_t calls : {2 * steps, 3 * steps, 4 * steps - 1}) {
    request.free_init.budget.calls = calls;
    EXPECT_EQ(pipeline.generate(request).unet_calls, calls / steps * steps);
  }
  request.free_init.budget.calls = 2 * steps - 1;
  EXPECT_ERROR(invalid_argument, "the inversion takes", (void)pipeline.generate(request));
}

TEST_F(VideoInit, InversionTakesTimeFromTheBudget) {
  freeinit::ModelBundle bundle = make_tiny_bundle();
  const auto slow = std::make_shared<const SlowUNet>(bundle.unet());
  bundle = bundle.with(slow);
  const freeinit::TextToVideoPipeline timed(std::move(bundle));
  const auto steps = static_cast<double>(request.num_inference_steps);
  request.free_init.num_iters = 3;
  request.free_init.budget.clock = [&] { return slow->seconds; };
  request.free_init.budget.seconds = 3 * steps + 0.5;
  EXPECT_EQ(timed.generate(request).completed_passes, 3);
  request.video_init = {.latents = clip, .source = VideoNoiseSource::invert};
  EXPECT_EQ(timed.generate(request).completed_passes, 2) << "a pass's time went to the inversion";
}

TEST_F(VideoInit, InversionFollowsThePromptWithoutGuidanceAndIsCounted) {
  const auto plain_calls = pipeline.generate(request).unet_calls;
  request.video_init = {.latents = clip, .source = VideoNoiseSource::invert};
  at::Tensor start;
  request.on_noise = [&](int pass, const at::Tensor& noise) {
    if (pass == 0) start = noise.clone();
  };
  EXPECT_EQ(pipeline.generate(request).unet_calls, plain_calls + request.num_inference_steps);

  const auto& bundle = pipeline.bundle();
  const at::Tensor text = bundle.text_encoder()->encode(
      at::tensor(bundle.tokenizer().encode("a cat").ids).unsqueeze(0));
  NoiseSource noise(1);
  const at::Tensor expected = freeinit::initial_noise_from_video(
      clip, pipeline.scheduler(),
      {.source = VideoNoiseSource::invert, .num_inference_steps = request.num_inference_steps},
      noise,
      freeinit::guided_denoiser(bundle.unet(), text, {},
                                {.guidance_scale = 1.0, .fps = request.fps}));
  EXPECT_TRUE(start.equal(expected));
}

TEST_F(VideoInit, EveryVideoOfABatchEqualsItsSingleRun) {
  request.video_init.latents = at::cat({clip, clip.neg()});
  request.num_videos = 2;
  const at::Tensor both = latents();
  request.num_videos = 1;
  request.seed += 1;
  request.video_init.latents = clip.neg();
  EXPECT_TRUE(latents().equal(both.narrow(0, 1, 1)));
}

TEST_F(VideoInit, EncodesFramesOfAnySize) {
  const at::Tensor frames = at::full({4, 30, 20, 3}, 128, at::kByte);
  const at::Tensor encoded =
      freeinit::encode_clip(*pipeline.bundle().autoencoder(), frames, 16, 16);
  EXPECT_EQ(encoded.sizes(), at::IntArrayRef(shape));
  const at::Tensor same = at::full({1, 4, 16, 16, 3}, 128.0 / 255.0);
  EXPECT_TRUE(encoded.equal(freeinit::encode_video(*pipeline.bundle().autoencoder(), same)));
}

TEST_F(VideoInit, RefusesWhatDoesNotFit) {
  request.video_init.latents = clip.narrow(2, 0, 2);
  EXPECT_ERROR(invalid_argument, "video latents [1, 4, 2, 8, 8]", pipeline.validate(request));
  request.video_init.latents = clip;
  request.initial_noise = clip;
  EXPECT_ERROR(invalid_argument, "both given", pipeline.validate(request));
}

}  // namespace video_init_test
