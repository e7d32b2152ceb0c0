#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <freeinit/core/text.hpp>
#include <freeinit/networks/guidance.hpp>
#include <freeinit/passes/real_video_noise.hpp>
#include <freeinit/pipeline/clip_latents.hpp>

#include <ATen/Functions.h>

#include <string>
#include <vector>

namespace real_video_test {

using freeinit::NoiseSource;
using freeinit::VideoNoiseSource;

class RealVideo : public TinyPipeline {
 protected:
  RealVideo() { hooks.decode = false; }

  const std::vector<std::int64_t> shape{1, 4, 4, 8, 8};
  const at::Tensor clip = NoiseSource(5).draw(shape).cumsum(2);
};

TEST_F(RealVideo, ContinuesWithTheGeneratorThatDiffused) {
  inputs.video_latents = clip;
  std::vector<at::Tensor> starts;
  hooks.on_noise = [&](const freeinit::RunPoint& at, const at::Tensor& noise) {
    EXPECT_EQ(at.pass, int(starts.size()));
    starts.push_back(noise.clone());
  };
  std::vector<at::Tensor> results;
  hooks.on_pass = [&](const freeinit::RunPoint&, const at::Tensor& result) {
    results.push_back(result.clone());
  };
  (void)latents();

  NoiseSource noise(request.seed);
  const at::Tensor first = pipeline.schedule().add_noise(clip, noise.draw(shape), 999);
  ASSERT_EQ(starts.size(), 2u);
  EXPECT_TRUE(starts[0].equal(first));
  const freeinit::NoiseReinitializer mix(request.free_init.filters[0], 4, 8, 8);
  const at::Tensor diffused = pipeline.schedule().add_noise(results[0], first, 999);
  EXPECT_TRUE(starts[1].equal(mix(diffused, noise.draw(shape)))) << "fresh noise is drawn twice";
}

TEST_F(RealVideo, SourceAndBandChangeTheResult) {
  const at::Tensor plain = latents();
  inputs.video_latents = clip;
  const at::Tensor diffused = latents();
  request.real_video.low_band = true;
  const at::Tensor low = latents();
  request.real_video.source = VideoNoiseSource::invert;
  const at::Tensor low_inverted = latents();
  request.real_video.low_band = false;
  const at::Tensor inverted = latents();
  const std::vector<at::Tensor> all{plain, diffused, low, low_inverted, inverted};
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) EXPECT_FALSE(all[i].equal(all[k])) << i << " " << k;
  }
}

TEST_F(RealVideo, InversionIsPaidFromTheBudget) {
  const std::int64_t steps = request.num_inference_steps;
  inputs.video_latents = clip;
  request.real_video.source = VideoNoiseSource::invert;
  request.free_init.num_iters = 3;
  for (const std::int64_t calls : {2 * steps, 3 * steps, 4 * steps - 1}) {
    request.free_init.budget_calls = calls;
    EXPECT_EQ(generate().unet_calls(), calls / steps * steps);
  }
  request.free_init.budget_calls = 2 * steps - 1;
  EXPECT_ERROR(invalid_argument, "the inversion takes", (void)generate());
}

TEST_F(RealVideo, InversionFollowsThePromptWithoutGuidanceAndIsCounted) {
  const auto plain_calls = generate().unet_calls();
  inputs.video_latents = clip;
  request.real_video.source = VideoNoiseSource::invert;
  at::Tensor start;
  hooks.on_noise = [&](const freeinit::RunPoint& at, const at::Tensor& noise) {
    if (at.pass == 0) start = noise.clone();
  };
  EXPECT_EQ(generate().unet_calls(), plain_calls + request.num_inference_steps);

  const auto& bundle = pipeline.bundle();
  const at::Tensor text = bundle.text_encoder()->encode(
      at::tensor(bundle.tokenizer().encode("a cat").ids).unsqueeze(0));
  NoiseSource noise(1);
  const at::Tensor expected = freeinit::initial_noise_from_video(
      clip, pipeline.schedule(),
      {.source = VideoNoiseSource::invert,
       .num_inference_steps = request.num_inference_steps,
       .denoiser = freeinit::guided_denoiser(bundle.unet(), text, {},
                                             {.guidance_scale = 1.0, .fps = request.fps})},
      noise);
  EXPECT_TRUE(start.equal(expected));
}

// Video to video: `free_init` from the clip, with the noise that a run without a video starts from.
TEST_F(RealVideo, AStrengthStartsFromTheClipItself) {
  inputs.video_latents = clip;
  request.num_inference_steps = 4;
  request.free_init.num_iters = 3;
  request.real_video.strength = 0.5;
  std::vector<at::Tensor> starts, results;
  hooks.on_noise = [&](const auto&, const at::Tensor& noise) { starts.push_back(noise); };
  hooks.on_pass = [&](const auto&, const at::Tensor& result) { results.push_back(result); };
  const auto made = generate();
  EXPECT_EQ(made.videos[0].calls_per_pass, (std::vector<std::int64_t>{2, 2, 2}));
  EXPECT_EQ(made.videos[0].unet_calls_saved, 0);

  NoiseSource noise(request.seed);
  const at::Tensor first = noise.draw(shape);
  const auto& schedule = pipeline.schedule();
  const auto timestep = schedule.timesteps(4)[2];
  ASSERT_EQ(starts.size(), 3u);
  EXPECT_TRUE(starts[0].equal(schedule.add_noise(clip, first, timestep)));
  const freeinit::NoiseReinitializer mix(request.free_init.filters[0], 4, 8, 8);
  const at::Tensor again = mix(schedule.add_noise(results[0], first, timestep),
                               schedule.add_noise(clip, noise.draw(shape), timestep));
  EXPECT_LT(starts[1].sub(again).abs().max().item<double>(), 1e-5);
}

TEST_F(RealVideo, TheLessStrengthTheNearerTheClip) {
  request.num_inference_steps = 10;
  inputs.video_latents = clip;
  std::vector<double> distances;
  for (const double strength : {0.1, 0.5, 1.0}) {
    request.real_video.strength = strength;
    distances.push_back(latents().sub(clip).norm().item<double>());
  }
  EXPECT_LT(distances[0], distances[1]);
  EXPECT_LT(distances[1], distances[2]);
}

TEST_F(RealVideo, TheStartOfAStrengthIsSaid) {
  inputs.video_latents = clip;
  request.num_inference_steps = 10;
  request.real_video.strength = 0.3;
  std::vector<std::string> said;
  freeinit::RunControl control;
  control.log = [&](freeinit::LogLevel, std::string_view text) { said.emplace_back(text); };
  (void)generate(control);
  const auto timestep = pipeline.schedule().timesteps(10)[7];
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said[0],
            freeinit::concat("a pass of 10 steps of strength 0.3 starts at timestep ", timestep,
                             " and calls the network 3 times with this sampler and grid"));
}

TEST_F(RealVideo, EveryVideoOfABatchEqualsItsSingleRun) {
  inputs.video_latents = at::cat({clip, clip.neg()});
  request.num_videos = 2;
  const at::Tensor both = latents();
  request.num_videos = 1;
  request.seed += 1;
  inputs.video_latents = clip.neg();
  EXPECT_TRUE(latents().equal(both.narrow(0, 1, 1)));
}

TEST_F(RealVideo, EncodesFramesOfAnySize) {
  const at::Tensor frames = at::full({4, 30, 20, 3}, 128, at::kByte);
  const at::Tensor encoded =
      freeinit::encode_clip(*pipeline.bundle().autoencoder(), frames, 16, 16);
  EXPECT_EQ(encoded.sizes(), at::IntArrayRef(shape));
  const at::Tensor same = at::full({1, 4, 16, 16, 3}, 128.0 / 255.0);
  EXPECT_TRUE(encoded.equal(freeinit::encode_video(*pipeline.bundle().autoencoder(), same)));
}

TEST_F(RealVideo, RefusesWhatDoesNotFit) {
  inputs.video_latents = clip.narrow(2, 0, 2);
  EXPECT_ERROR(invalid_argument, "video latents '[1, 4, 2, 8, 8]'",
               pipeline.validate(request, inputs));
  inputs.video_latents = clip;
  inputs.initial_noise = clip;
  EXPECT_ERROR(invalid_argument, "both given", pipeline.validate(request, inputs));
}

TEST_F(RealVideo, RefusesAStrengthThatMakesNoSense) {
  const auto& manifest = pipeline.bundle().manifest();
  const auto refused = [&](double strength) {
    request.real_video.strength = strength;
    freeinit::check_request(request, manifest, inputs);
  };
  EXPECT_ERROR(invalid_argument, "strength '0.5': needs a video", refused(0.5));
  inputs.video_latents = clip;
  for (const double strength : {0.0, 1.5, -1.0}) {
    EXPECT_ERROR(invalid_argument, "outside its range; expected above 0, at most 1",
                 refused(strength));
  }
  request.num_inference_steps = 20;
  EXPECT_ERROR(invalid_argument, "strength '0.04': leaves no step of a pass of 20", refused(0.04));
  EXPECT_NO_THROW(refused(1.0));
  request.real_video.low_band = true;
  EXPECT_ERROR(invalid_argument, "expected init_band 'full'", refused(0.5));
  request.real_video.source = VideoNoiseSource::invert;
  EXPECT_ERROR(invalid_argument, "expected init_source 'diffuse'", refused(0.5));
}

}  // namespace real_video_test
