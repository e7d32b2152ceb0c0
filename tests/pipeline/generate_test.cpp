#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/guidance.hpp>

#include <ATen/Functions.h>

#include <cmath>

namespace generate_test {

using freeinit::GenerationRequest;
using freeinit::GenerationResult;
using freeinit::Phase;
using freeinit::Progress;
using freeinit::RunControl;

using Generate = TinyPipeline;

TEST_F(Generate, GivesAVideo) {
  const GenerationResult result = pipeline.generate(request);
  EXPECT_EQ(result.latents.sizes(), (std::vector<std::int64_t>{1, 4, 4, 8, 8}));
  EXPECT_EQ(result.frames.sizes(), (std::vector<std::int64_t>{1, 4, 16, 16, 3}));
  EXPECT_EQ(result.latents.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::isfinite(result.latents).all().item<bool>());
  EXPECT_FALSE(result.latents.is_inference());
  EXPECT_EQ(result.completed_passes, 2);
  EXPECT_EQ(result.unet_calls, 8);
  EXPECT_FALSE(result.cancelled);
  EXPECT_TRUE(result.frames.equal(
      freeinit::decode_video(*pipeline.bundle().autoencoder(), result.latents)));
}

TEST_F(Generate, IsTheLoopOverItsParts) {
  const auto& bundle = pipeline.bundle();
  const auto encode = [&](const std::string& text) {
    return bundle.text_encoder()->encode(
        at::tensor(bundle.tokenizer().encode(text).ids).unsqueeze(0));
  };
  freeinit::SamplingOptions sampling;
  sampling.num_inference_steps = 4;
  freeinit::NoiseSource noise(7);
  const auto expected = freeinit::free_init(
      freeinit::guided_denoiser(bundle.unet(), encode("a cat"), encode(""),
                                {.guidance_scale = 3.0, .fps = 8.0}),
      pipeline.scheduler(), {1, 4, 4, 8, 8}, request.free_init, sampling, noise);
  EXPECT_TRUE(pipeline.generate(request).latents.equal(expected.latents));
}

TEST_F(Generate, EverySettingChangesTheResult) {
  request.decode = false;
  const at::Tensor base = pipeline.generate(request).latents;
  const auto differs = [&](auto&& change) {
    GenerationRequest other = request;
    change(other);
    return !base.equal(pipeline.generate(other).latents);
  };
  EXPECT_FALSE(differs([](auto&) {})) << "not reproducible";
  EXPECT_TRUE(differs([](auto& r) { r.prompt = "a dog"; }));
  EXPECT_TRUE(differs([](auto& r) { r.negative_prompt = "blur"; }));
  EXPECT_TRUE(differs([](auto& r) { r.guidance_scale = 4; }));
  EXPECT_TRUE(differs([](auto& r) { r.guidance_scale = 1; }));
  EXPECT_TRUE(differs([](auto& r) { r.guidance_interval = {0.3, 1.0}; }));
  EXPECT_TRUE(differs([](auto& r) { r.cache_interval = 2; }));
  EXPECT_TRUE(differs([](auto& r) { r.fps = 24; }));
  EXPECT_TRUE(differs([](auto& r) { r.seed = 8; }));
  EXPECT_TRUE(differs([](auto& r) { r.eta = 0.5; }));
  EXPECT_TRUE(differs([](auto& r) { r.num_inference_steps = 5; }));
  EXPECT_TRUE(differs([](auto& r) { r.free_init.num_iters = 3; }));
  EXPECT_TRUE(differs([](auto& r) { r.free_init.fast_sampling = true; }));
  EXPECT_TRUE(differs([](auto& r) { r.free_init.filter.method = freeinit::FilterMethod::ideal; }));
  EXPECT_TRUE(differs([](auto& r) { r.free_init.profile = freeinit::Profile::official; }));
  EXPECT_TRUE(differs([](auto& r) { r.initial_noise = at::ones({1, 4, 4, 8, 8}); }));
}

TEST_F(Generate, NegativePromptDoesNothingWithoutGuidance) {
  request.guidance_scale = 1.0;
  const at::Tensor base = pipeline.generate(request).latents;
  request.negative_prompt = "blur";
  EXPECT_TRUE(base.equal(pipeline.generate(request).latents));
}

TEST_F(Generate, AVideoOfABatchIsItsSingleRunBitForBit) {
  request.num_videos = 3;
  request.eta = 0.3;
  const GenerationResult batch = pipeline.generate(request);
  EXPECT_EQ(batch.latents.size(0), 3);
  EXPECT_EQ(batch.unet_calls, 3 * 8);
  request.num_videos = 1;
  for (int video = 0; video < 3; ++video) {
    request.seed = 7 + static_cast<std::uint64_t>(video);
    const GenerationResult single = pipeline.generate(request);
    EXPECT_TRUE(batch.latents.narrow(0, video, 1).equal(single.latents)) << video;
    EXPECT_TRUE(batch.frames.narrow(0, video, 1).equal(single.frames)) << video;
  }
}

TEST_F(Generate, InitialNoiseReplacesTheFirstDrawOnly) {
  freeinit::NoiseSource noise(99);
  request.num_videos = 2;
  request.initial_noise = noise.draw({2, 4, 4, 8, 8});
  const at::Tensor both = pipeline.generate(request).latents;
  request.num_videos = 1;
  request.seed = 8;
  const at::Tensor all_noise = request.initial_noise;
  request.initial_noise = all_noise.narrow(0, 1, 1);
  EXPECT_TRUE(both.narrow(0, 1, 1).equal(pipeline.generate(request).latents));
  // One noise for all videos: they still differ by their later draws.
  request.num_videos = 2;
  const at::Tensor shared = pipeline.generate(request).latents;
  EXPECT_FALSE(shared[0].equal(shared[1]));
}

TEST_F(Generate, ProgressComesInOrder) {
  request.num_videos = 2;
  std::vector<std::string> seen;
  RunControl control;
  control.progress = [&](const Progress& progress) {
    std::string entry(to_string(progress.phase));
    if (progress.phase == Phase::denoise || progress.phase == Phase::reinit) {
      entry += " " + std::to_string(progress.video) + "." + std::to_string(progress.pass);
      EXPECT_EQ(progress.num_videos, 2);
      EXPECT_EQ(progress.num_passes, 2);
    }
    if (seen.empty() || seen.back() != entry) seen.push_back(entry);
    EXPECT_LE(progress.step, progress.num_steps);
  };
  (void)pipeline.generate(request, control);
  EXPECT_EQ(seen, (std::vector<std::string>{"encode", "denoise 0.0", "reinit 0.1", "denoise 0.1",
                                            "denoise 1.0", "reinit 1.1", "denoise 1.1", "decode"}));
}

TEST_F(Generate, TimesThePhasesThatRan) {
  const GenerationResult result = pipeline.generate(request);
  for (const Phase phase : {Phase::encode, Phase::denoise, Phase::reinit, Phase::decode}) {
    EXPECT_TRUE(result.seconds.contains(phase)) << to_string(phase);
  }
  EXPECT_FALSE(result.seconds.contains(Phase::load));
  request.decode = false;
  request.free_init.num_iters = 1;
  const GenerationResult plain = pipeline.generate(request);
  EXPECT_FALSE(plain.frames.defined());
  EXPECT_FALSE(plain.seconds.contains(Phase::decode));
  EXPECT_FALSE(plain.seconds.contains(Phase::reinit));
}

TEST_F(Generate, HandsOutEachPass) {
  std::vector<at::Tensor> passes;
  request.on_pass = [&](int pass, const at::Tensor& latents) {
    EXPECT_EQ(pass, static_cast<int>(passes.size()));
    passes.push_back(latents.clone());
  };
  const at::Tensor latents = pipeline.generate(request).latents;
  ASSERT_EQ(passes.size(), 2U);
  EXPECT_TRUE(passes[1].equal(latents));
  request.on_pass = {};
  request.free_init.num_iters = 1;
  EXPECT_TRUE(passes[0].equal(pipeline.generate(request).latents));
}

TEST_F(Generate, OneWarningForEachPromptThatIsCut) {
  std::vector<std::string> warnings;
  RunControl control;
  control.log = [&](freeinit::LogLevel level, std::string_view text) {
    EXPECT_EQ(level, freeinit::LogLevel::warning);
    warnings.emplace_back(text);
  };
  (void)pipeline.generate(request, control);
  EXPECT_TRUE(warnings.empty());
  request.prompt = "abcdefghijklmno";
  (void)pipeline.generate(request, control);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0], "prompt: longer than 12 tokens; cut off: 'klmno'");
}

TEST_F(Generate, OfficialIsTheForcedSchedulerWithTheSameNoise) {
  request.free_init.profile = freeinit::Profile::official;
  const at::Tensor official = pipeline.generate(request).latents;
  const TemporaryFolder folder;
  tiny_bundle::write(folder.path());
  tiny_bundle::edit_manifest(folder.path(), [](nlohmann::json& manifest) {
    manifest["scheduler"]["timestep_spacing"] = "leading";
    manifest["scheduler"]["set_alpha_to_one"] = true;
  });
  const freeinit::TextToVideoPipeline edited(freeinit::ModelBundle::load(folder.path()));
  request.free_init.profile = freeinit::Profile::diffusers;
  EXPECT_TRUE(official.equal(edited.generate(request).latents));
}

/// Asks to stop after so many denoising steps, counted over passes and videos.
class StopAfter {
 public:
  explicit StopAfter(int steps) : left_(steps) {
    control.stop = source_.get_token();
    control.progress = [this](const Progress& progress) {
      if (progress.phase == Phase::denoise && progress.step > 0 && --left_ == 0) {
        source_.request_stop();
      }
    };
  }
  RunControl control;

 private:
  std::stop_source source_;
  int left_;
};

TEST_F(Generate, StopReturnsTheLastCompletePassDecoded) {
  request.free_init.num_iters = 3;
  StopAfter stop(4 + 4 + 1);  // in the third pass
  const GenerationResult stopped = pipeline.generate(request, stop.control);
  EXPECT_TRUE(stopped.cancelled);
  EXPECT_EQ(stopped.completed_passes, 2);
  EXPECT_EQ(stopped.unet_calls, 9);
  request.free_init.num_iters = 2;
  const GenerationResult two_passes = pipeline.generate(request);
  EXPECT_TRUE(stopped.latents.equal(two_passes.latents));
  EXPECT_TRUE(stopped.frames.equal(two_passes.frames));
}

TEST_F(Generate, LatentsThatAreNoNumbersAreAnError) {
  request.initial_noise = pipeline.generate(request).latents.mul(std::nan(""));
  EXPECT_ERROR(model, "latents hold NaN", pipeline.generate(request));
}

TEST_F(Generate, StopBeforeTheFirstPassIsComplete) {
  StopAfter stop(3);
  EXPECT_ERROR(cancelled, "stopped", pipeline.generate(request, stop.control));
}

TEST_F(Generate, StopInALaterVideoKeepsTheVideosBefore) {
  request.num_videos = 3;
  StopAfter in_first_pass(8 + 2);
  const GenerationResult one = pipeline.generate(request, in_first_pass.control);
  EXPECT_TRUE(one.cancelled);
  EXPECT_EQ(one.latents.size(0), 1);
  EXPECT_EQ(one.completed_passes, 2);
  StopAfter in_second_pass(8 + 5);
  const GenerationResult two = pipeline.generate(request, in_second_pass.control);
  EXPECT_TRUE(two.cancelled);
  EXPECT_EQ(two.latents.size(0), 2);
  EXPECT_EQ(two.frames.size(0), 2);
  EXPECT_EQ(two.completed_passes, 1);
  request.num_videos = 1;
  EXPECT_TRUE(one.latents.equal(pipeline.generate(request).latents));
}

// More elements than 64 bits count, and more bytes than there are addresses.
TEST_F(Generate, WhatNoMemoryHoldsIsOneLine) {
  for (const auto& [height, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {4'000'000'000, 4'000'000'000}, {4'000'000'000'000, 1'000}}) {
    request.height = height;
    request.width = width;
    EXPECT_ERROR(model, "video of 4 frames of " + std::to_string(width) + "x",
                 pipeline.generate(request));
  }
}

}  // namespace generate_test
