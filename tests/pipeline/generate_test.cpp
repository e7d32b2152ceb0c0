#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/guidance.hpp>
#include <freeinit/noise/noise_source.hpp>
#include <freeinit/passes/free_init.hpp>

#include <ATen/Functions.h>

#include <array>
#include <cmath>
#include <memory>
#include <vector>

namespace generate_test {

using freeinit::GenerationRequest;
using freeinit::GenerationResult;
using freeinit::Phase;
using freeinit::Progress;
using freeinit::RunControl;

using Generate = TinyPipeline;

TEST_F(Generate, GivesAVideo) {
  const GenerationResult result = generate();
  ASSERT_EQ(result.videos.size(), 1U);
  const freeinit::GeneratedVideo& video = result.videos[0];
  EXPECT_EQ(video.latents.sizes(), (std::vector<std::int64_t>{1, 4, 4, 8, 8}));
  EXPECT_EQ(video.frames.sizes(), (std::vector<std::int64_t>{4, 16, 16, 3}));
  EXPECT_EQ(video.latents.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::isfinite(video.latents).all().item<bool>());
  EXPECT_FALSE(video.latents.is_inference());
  EXPECT_EQ(video.completed_passes, 2);
  EXPECT_EQ(video.unet_calls, 8);
  EXPECT_FALSE(video.cancelled);
  EXPECT_FALSE(result.cancelled);
  EXPECT_TRUE(video.frames.equal(
      freeinit::decode_video(*pipeline.bundle().autoencoder(), video.latents)[0]));
}

TEST_F(Generate, IsTheLoopOverItsParts) {
  const auto& bundle = pipeline.bundle();
  const auto encode = [&](const std::string& text) {
    return bundle.text_encoder()->encode(
        at::tensor(bundle.tokenizer().encode(text).ids).unsqueeze(0));
  };
  const auto expected = freeinit::free_init(
      freeinit::guided_denoiser(bundle.unet(), encode("a cat"), encode(""),
                                {.guidance_scale = 3.0, .fps = 8.0}),
      pipeline.schedule(),
      {.shape = {1, 4, 4, 8, 8}, .options = request.free_init, .num_inference_steps = 4},
      freeinit::NoiseSource(7));
  EXPECT_TRUE(latents().equal(expected.latents));
}

TEST_F(Generate, EverySettingChangesTheResult) {
  hooks.decode = false;
  const at::Tensor base = latents();
  const auto differs = [&](auto&& change) {
    GenerationRequest other = request;
    change(other);
    return !base.equal(latents_of(pipeline.generate(other, inputs, {}, hooks)));
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
  EXPECT_TRUE(
      differs([](auto& r) { r.free_init.filters[0].method = freeinit::FilterMethod::ideal; }));
  EXPECT_TRUE(differs([](auto& r) { r.free_init.profile = freeinit::Profile::official; }));
  inputs.initial_noise = at::ones({1, 4, 4, 8, 8});
  EXPECT_TRUE(differs([](auto&) {}));
}

TEST_F(Generate, NegativePromptDoesNothingWithoutGuidance) {
  request.guidance_scale = 1.0;
  const at::Tensor base = latents();
  request.negative_prompt = "blur";
  EXPECT_TRUE(base.equal(latents()));
}

TEST_F(Generate, AVideoOfABatchIsItsSingleRunBitForBit) {
  request.num_videos = 3;
  request.eta = 0.3;
  const GenerationResult batch = generate();
  ASSERT_EQ(batch.videos.size(), 3U);
  EXPECT_EQ(batch.unet_calls(), 3 * 8);
  request.num_videos = 1;
  for (const freeinit::GeneratedVideo& video : batch.videos) {
    request.seed = 7 + static_cast<std::uint64_t>(video.index);
    const GenerationResult single = generate();
    EXPECT_TRUE(video.latents.equal(single.videos[0].latents)) << video.index;
    EXPECT_TRUE(video.frames.equal(single.videos[0].frames)) << video.index;
  }
}

TEST_F(Generate, InitialNoiseReplacesTheFirstDrawOnly) {
  freeinit::NoiseSource noise(99);
  request.num_videos = 2;
  inputs.initial_noise = noise.draw({2, 4, 4, 8, 8});
  const at::Tensor both = latents();
  request.num_videos = 1;
  request.seed = 8;
  const at::Tensor all_noise = inputs.initial_noise;
  inputs.initial_noise = all_noise.narrow(0, 1, 1);
  EXPECT_TRUE(both.narrow(0, 1, 1).equal(latents()));
  // One noise for all videos: they still differ by their later draws.
  request.num_videos = 2;
  const at::Tensor shared = latents();
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
    if (progress.phase == Phase::decode) {  // a bar of the calls stays at its end
      EXPECT_GT(progress.calls, 0);
      EXPECT_EQ(progress.calls, progress.planned_calls);
      EXPECT_EQ(progress.pass, 1);
      EXPECT_EQ(progress.num_passes, 2);
    }
    if (seen.empty() || seen.back() != entry) seen.push_back(entry);
    EXPECT_LE(progress.step, progress.num_steps);
  };
  (void)generate(control);
  EXPECT_EQ(seen, (std::vector<std::string>{"encode", "denoise 0.0", "reinit 0.1", "denoise 0.1",
                                            "decode", "denoise 1.0", "reinit 1.1", "denoise 1.1",
                                            "decode"}));
}

TEST_F(Generate, TimesThePhasesThatRan) {
  const GenerationResult result = generate();
  for (const Phase phase : {Phase::encode, Phase::denoise, Phase::reinit, Phase::decode}) {
    EXPECT_TRUE(result.seconds.contains(phase)) << to_string(phase);
  }
  EXPECT_FALSE(result.seconds.contains(Phase::load));
  hooks.decode = false;
  request.free_init.num_iters = 1;
  const GenerationResult plain = generate();
  EXPECT_FALSE(plain.videos[0].frames.defined());
  EXPECT_FALSE(plain.seconds.contains(Phase::decode));
  EXPECT_FALSE(plain.seconds.contains(Phase::reinit));
}

TEST_F(Generate, OneWarningForEachPromptThatIsCut) {
  std::vector<std::string> warnings;
  RunControl control;
  control.log = [&](freeinit::LogLevel level, std::string_view text) {
    EXPECT_EQ(level, freeinit::LogLevel::warning);
    warnings.emplace_back(text);
  };
  (void)generate(control);
  EXPECT_TRUE(warnings.empty());
  request.prompt = "abcdefghijklmno";
  (void)generate(control);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0], "prompt: longer than 12 tokens; the last 5 are cut off, from 'klmno' on");
}

TEST_F(Generate, OfficialIsTheForcedSchedulerWithTheSameNoise) {
  request.free_init.profile = freeinit::Profile::official;
  const at::Tensor official = latents();
  const TemporaryFolder folder;
  tiny_bundle::write(folder.path());
  tiny_bundle::edit_manifest(folder.path(), [](nlohmann::json& manifest) {
    manifest["scheduler"]["timestep_spacing"] = "leading";
    manifest["scheduler"]["set_alpha_to_one"] = true;
  });
  const freeinit::TextToVideoPipeline edited(freeinit::ModelBundle::load(folder.path()));
  request.free_init.profile = freeinit::Profile::diffusers;
  EXPECT_TRUE(official.equal(latents_of(edited.generate(request))));
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
  const GenerationResult stopped = generate(stop.control);
  EXPECT_TRUE(stopped.cancelled);
  EXPECT_TRUE(stopped.videos[0].cancelled);
  EXPECT_EQ(stopped.videos[0].completed_passes, 2);
  EXPECT_EQ(stopped.unet_calls(), 9);
  request.free_init.num_iters = 2;
  const GenerationResult two_passes = generate();
  EXPECT_TRUE(latents_of(stopped).equal(latents_of(two_passes)));
  EXPECT_TRUE(frames_of(stopped).equal(frames_of(two_passes)));
}

TEST_F(Generate, LatentsThatAreNoNumbersAreAnError) {
  const auto failing = make_failing_pipeline(0);
  EXPECT_ERROR(model, "latents hold NaN", failing.generate(request, inputs));
}

TEST_F(Generate, InputsThatAreNoNumbersAreRefused) {
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    const at::Tensor broken = at::ones({1, 4, 4, 8, 8}).mul(value);
    const auto refused = [&](const char* says, const freeinit::GenerationInputs& given) {
      EXPECT_ERROR(invalid_argument, says, pipeline.generate(request, given));
    };
    refused("initial noise: NaN or infinite values", {.initial_noise = broken});
    refused("initial noise: NaN or infinite values", {.initial_noise = broken.to(at::kHalf)});
    refused("video latents: NaN or infinite values", {.video_latents = broken});
    refused("mask: holds NaN or infinite values", {.filter_mask = broken[0][0]});
  }
}

TEST_F(Generate, StopBeforeTheFirstPassIsComplete) {
  StopAfter stop(3);
  EXPECT_ERROR(cancelled, "stopped", generate(stop.control));
}

TEST_F(Generate, StopInALaterVideoKeepsTheVideosBefore) {
  request.num_videos = 3;
  StopAfter in_first_pass(8 + 2);
  const GenerationResult one = generate(in_first_pass.control);
  EXPECT_TRUE(one.cancelled);
  ASSERT_EQ(one.videos.size(), 1U);
  EXPECT_EQ(one.videos[0].completed_passes, 2);
  StopAfter in_second_pass(8 + 5);
  const GenerationResult two = generate(in_second_pass.control);
  EXPECT_TRUE(two.cancelled);
  ASSERT_EQ(two.videos.size(), 2U);
  EXPECT_TRUE(two.videos[1].frames.defined());
  EXPECT_EQ(two.videos[1].completed_passes, 1);
  request.num_videos = 1;
  EXPECT_TRUE(latents_of(one).equal(latents()));
}

TEST_F(Generate, AVideoIsHandedOnBeforeALaterOneFails) {
  const auto failing = make_failing_pipeline(8 + 1);
  request.num_videos = 2;
  std::vector<freeinit::GeneratedVideo> seen;
  hooks.on_video = [&](const freeinit::GeneratedVideo& video) { seen.push_back(video); };
  EXPECT_ERROR(model, "latents hold NaN", failing.generate(request, inputs, {}, hooks));
  ASSERT_EQ(seen.size(), 1U);
  request.num_videos = 1;
  hooks.on_video = {};
  EXPECT_TRUE(seen[0].latents.equal(latents()));
}

TEST_F(Generate, TheResultKeepsNoTensorsThatWereHandedOn) {
  request.num_videos = 2;
  std::vector<std::int64_t> seen;
  hooks.on_video = [&](const freeinit::GeneratedVideo& video) {
    EXPECT_TRUE(video.latents.defined() && video.frames.defined());
    seen.push_back(video.index);
  };
  const GenerationResult result = generate();
  EXPECT_EQ(seen, (std::vector<std::int64_t>{0, 1}));
  ASSERT_EQ(result.videos.size(), 2U);
  for (const auto& video : result.videos) {
    EXPECT_FALSE(video.latents.defined() || video.frames.defined());
    EXPECT_EQ(video.completed_passes, 2);
  }
}

TEST_F(Generate, HooksSayWhichVideoPassAndStep) {
  request.num_videos = 2;
  std::vector<std::array<std::int64_t, 3>> passes;
  hooks.on_pass = [&](const freeinit::RunPoint& at, const at::Tensor&) {
    passes.push_back({at.video, at.pass, at.step});
  };
  (void)generate();
  EXPECT_EQ(passes,
            (std::vector<std::array<std::int64_t, 3>>{{0, 0, 4}, {0, 1, 4}, {1, 0, 4}, {1, 1, 4}}));
}

// More bytes than there are addresses.
TEST_F(Generate, WhatNoMemoryHoldsIsOneLine) {
  freeinit::Manifest manifest = freeinit::read_manifest(tiny_bundle_folder());
  manifest.unet.max_frames.reset();
  const freeinit::TextToVideoPipeline endless(
      freeinit::ModelBundle::load(std::move(manifest), tiny_bundle_folder()));
  request.num_frames = 1'000'000;
  request.height = 16384;
  request.width = 16384;
  EXPECT_ERROR(model, "video of 1000000 frames of 16384x16384", (void)endless.generate(request));
}

}  // namespace generate_test
