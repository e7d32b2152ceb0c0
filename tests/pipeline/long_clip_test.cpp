// Clips of more frames than the network sees at once. The tiny model does 8 and recommends 4.

#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/guidance.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace long_clip_test {
namespace {

using freeinit::ContextSchedule;
using freeinit::LongNoise;

class LongClip : public TinyPipeline {
 protected:
  LongClip() { hooks.decode = false; }

  void expect_refused(const char* says) const {
    EXPECT_ERROR(invalid_argument, says,
                 (freeinit::check_request(request, pipeline.bundle().manifest(), inputs), 0));
  }
};

/// The most frames of any call.
class WatchingUNet final : public freeinit::VideoUNet {
 public:
  explicit WatchingUNet(std::shared_ptr<const VideoUNet> inner) : inner_(std::move(inner)) {}
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    most = std::max(most, input.latents.size(2));
    ++calls;
    return inner_->predict(input);
  }
  void check_input(at::IntArrayRef latents, at::IntArrayRef text) const override {
    inner_->check_input(latents, text);
  }

  mutable std::int64_t most = 0;
  mutable int calls = 0;

 private:
  std::shared_ptr<const VideoUNet> inner_;
};

TEST_F(LongClip, IsMadeOfWindowsOfTheModelsOwnNumberOfFrames) {
  freeinit::ModelBundle bundle = make_tiny_bundle();
  const auto unet = std::make_shared<WatchingUNet>(bundle.unet());
  bundle = bundle.with(unet);
  request.num_frames = 9;
  request.context.schedule = ContextSchedule::standard_static;
  std::vector<std::string> notes;
  freeinit::RunControl control;
  control.log = [&](freeinit::LogLevel, std::string_view note) { notes.emplace_back(note); };
  const auto result =
      freeinit::TextToVideoPipeline(std::move(bundle)).generate(request, inputs, control, hooks);
  EXPECT_EQ(latents_of(result).sizes(), (at::IntArrayRef{1, 4, 9, 8, 8}));
  EXPECT_EQ(unet->most, 4);
  EXPECT_EQ(unet->calls, 3 * 8);  // windows at 0, 3 and 5; 2 passes of 4 steps
  EXPECT_EQ(result.unet_calls(), 8);
  EXPECT_EQ(notes, std::vector<std::string>{
                       "9 frames in windows of 4 that share 1 with their neighbours"});
}

TEST_F(LongClip, OfOneWindowIsTheRunWithoutWindows) {
  const at::Tensor plain = latents();
  request.context = {.length = 4, .noise = LongNoise::shuffle_context};
  EXPECT_TRUE(latents().equal(plain));
  request.context.length = 8;
  EXPECT_TRUE(latents().equal(plain));
  request.context = {.length = 3};
  EXPECT_FALSE(latents().equal(plain));
}

TEST_F(LongClip, StartsEveryPassFromFramesThatStayRelated) {
  request.num_frames = 12;
  request.free_init.filters[0].spatial_stop_frequency = 0.0;  // all of the noise is fresh
  request.context = {.length = 4, .overlap = 0, .noise = LongNoise::repeat_context};
  int passes = 0;
  hooks.on_noise = [&](const freeinit::RunPoint&, const at::Tensor& noise) {
    ++passes;
    // Within the rounding of one FFT there and back.
    EXPECT_TRUE(noise.narrow(2, 4, 4).allclose(noise.narrow(2, 0, 4), 0.0, 1e-5));
    EXPECT_TRUE(noise.narrow(2, 8, 4).allclose(noise.narrow(2, 0, 4), 0.0, 1e-5));
  };
  (void)generate();
  EXPECT_EQ(passes, 2);
}

TEST_F(LongClip, ReusesFeaturesWindowByWindow) {
  request.num_frames = 9;
  request.cache_interval = 2;
  expect_refused("cache interval '2': windows that move have no features of the step before");
  request.context.schedule = ContextSchedule::standard_static;
  const at::Tensor cached = latents();
  EXPECT_EQ(cached.size(2), 9);
  request.cache_interval = 1;
  EXPECT_FALSE(latents().equal(cached));
}

TEST_F(LongClip, FollowsItsPrompts) {
  request.num_frames = 12;
  request.context.overlap = 0;
  request.context.schedule = ContextSchedule::standard_static;
  request.free_init.num_iters = 1;
  const at::Tensor cat = latents();
  request.prompt_at = {{6, "a dog"}, {4, "a cat"}};
  const at::Tensor both = latents();
  // Within the rounding of an embedding between two equal ones.
  EXPECT_TRUE(both.narrow(2, 0, 4).allclose(cat.narrow(2, 0, 4), 0.0, 1e-5));
  request.prompt = "a dog";
  request.prompt_at.clear();
  const at::Tensor dog = latents();
  EXPECT_TRUE(both.narrow(2, 8, 4).equal(dog.narrow(2, 8, 4)));
  EXPECT_FALSE(both.narrow(2, 4, 4).equal(dog.narrow(2, 4, 4)));
  request.prompt_at = {{0, "a cat"}};  // in place of the prompt
  EXPECT_TRUE(latents().equal(cat));
}

TEST_F(LongClip, OfAClosedLoopComesBackToItsFirstText) {
  request.num_frames = 12;
  request.context.closed_loop = true;
  request.prompt_at = {{11, "a dog"}};
  const at::Tensor there = latents();
  request.prompt_at.push_back({1, "a cat"});
  EXPECT_FALSE(latents().equal(there));
  EXPECT_EQ(there.size(2), 12);
}

TEST_F(LongClip, IsRefusedEarly) {
  request.context.length = 9;
  expect_refused("context length '9': this model does 1 to 8");
  request.context = {.overlap = 4};
  request.num_frames = 9;
  expect_refused("context overlap '4': not below the context length; expected 0 to 3");
  request.context = {.closed_loop = true};
  request.num_frames = 8;
  expect_refused(
      "closed loop: a clip of 8 frames is one window here; expected more frames or a "
      "smaller context length");
  request.context = {};
  request.prompt_at = {{3, "a dog"}};
  expect_refused("prompt at further frames: a clip of 8 frames is one window here");
  request.prompt_at = {{8, "a dog"}};
  expect_refused("prompt at frame '8': outside the clip");
}

}  // namespace
}  // namespace long_clip_test
