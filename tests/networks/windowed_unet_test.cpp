#include "support/error_of.hpp"
#include "support/golden.hpp"

#include <freeinit/networks/conditioning.hpp>
#include <freeinit/networks/feature_cache.hpp>
#include <freeinit/networks/guidance.hpp>
#include <freeinit/networks/windowed_unet.hpp>

#include <ATen/Functions.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace windowed_unet_test {
namespace {

using freeinit::Conditioning;
using freeinit::ContextOptions;
using freeinit::ContextSchedule;
using freeinit::ContextWindow;
using freeinit::DeepPrediction;
using freeinit::FuseMethod;
using freeinit::UNetInput;
using freeinit::WindowedUNet;
using freeinit::WindowSettings;

const at::Tensor text = at::ones({1, 3, 8});

at::Tensor clip_of(std::int64_t num_frames) {
  return at::arange(2 * num_frames * 4, at::kFloat).reshape({1, 2, num_frames, 2, 2});
}

/// Linear in each frame, so that windows may not show. Notes the first and last value of each frame
/// axis it sees, and the text.
class FrameUNet final : public freeinit::VideoUNet {
 public:
  at::Tensor predict(const UNetInput& input) const override {
    windows.push_back(input.latents.select(1, 0).select(-1, 0).select(-1, 0).flatten().div(4.0));
    texts.push_back(input.text.single());
    EXPECT_TRUE(input.latents.is_contiguous());
    return input.latents.mul(0.75).sub(input.timestep);
  }
  bool can_reuse_features() const noexcept override { return true; }
  DeepPrediction predict_deep(const UNetInput& input) const override {
    return {predict(input), input.latents.mean().reshape({1})};
  }
  at::Tensor predict_shallow(const UNetInput& input, const at::Tensor& deep) const override {
    return at::full_like(input.latents, deep.item<double>());
  }
  void check_input(at::IntArrayRef latents, at::IntArrayRef) const override {
    asked = latents.vec();
  }

  mutable std::vector<at::Tensor> windows;  ///< the frames of each call
  mutable std::vector<at::Tensor> texts;
  mutable std::vector<std::int64_t> asked;
};

class Windows : public testing::Test {
 protected:
  WindowedUNet windowed(const WindowSettings& settings) const { return {unet, settings}; }

  const std::shared_ptr<FrameUNet> unet = std::make_shared<FrameUNet>();
};

TEST_F(Windows, AreThoseOfTheirAuthors) {
  const auto cases = golden::json("numerics/context_windows.json")["cases"];
  ASSERT_GT(cases.size(), 90U);
  for (const auto& test : cases) {
    const ContextOptions options{
        .length = test["length"],
        .overlap = test["overlap"],
        .stride = test["stride"],
        .schedule = freeinit::context_schedule_from_string(std::string(test["schedule"])),
        .closed_loop = test["closed_loop"]};
    std::vector<std::vector<std::int64_t>> windows;
    for (const auto& w : context_windows(options, test["frames"], test["step"])) {
      windows.push_back({w.first, w.stride, w.length});
    }
    std::sort(windows.begin(), windows.end());
    EXPECT_EQ(windows, test["windows"].get<std::vector<std::vector<std::int64_t>>>()) << test;
  }
}

TEST_F(Windows, CoverEveryFrameWithWeightsOfSumOne) {
  for (const std::int64_t frames : {9, 17, 24, 64, 100}) {
    for (const std::int64_t overlap : {0, 3, 7}) {
      for (const bool loops : {false, true}) {
        for (std::int64_t step = 0; step < 9; ++step) {
          const ContextOptions options{
              .length = 8, .overlap = overlap, .stride = 3, .closed_loop = loops};
          const auto windows = context_windows(options, frames, step);
          for (const FuseMethod fuse : {FuseMethod::flat, FuseMethod::pyramid}) {
            const auto weights = context_weights(windows, fuse, frames);
            std::vector<double> sums(static_cast<std::size_t>(frames));
            for (std::size_t w = 0; w < windows.size(); ++w) {
              for (std::int64_t i = 0; i < windows[w].length; ++i) {
                const auto frame = (windows[w].first + i * windows[w].stride) % frames;
                EXPECT_TRUE(loops || windows[w].first + i * windows[w].stride < frames);
                sums[static_cast<std::size_t>(frame)] += weights[w][static_cast<std::size_t>(i)];
              }
            }
            for (const double sum : sums) EXPECT_NEAR(sum, 1.0, 1e-12);  // rounding of doubles
          }
        }
      }
    }
  }
}

TEST_F(Windows, OfAPyramidCountMostInTheirMiddle) {
  const std::vector<ContextWindow> windows{{0, 1, 5}, {3, 1, 5}};
  const auto weights = context_weights(windows, FuseMethod::pyramid, 8);
  EXPECT_EQ(weights[0], (std::vector{1.0, 1.0, 1.0, 2.0 / 3.0, 1.0 / 3.0}));
  EXPECT_EQ(weights[1], (std::vector{1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0, 1.0}));
}

TEST_F(Windows, DoNotShowWhereTheNetworkSeesFramesAlone) {
  for (const bool loops : {false, true}) {
    for (const FuseMethod fuse : {FuseMethod::flat, FuseMethod::pyramid}) {
      const WindowedUNet windows =
          windowed({.options = {.length = 8, .overlap = 3, .fuse = fuse, .closed_loop = loops},
                    .num_frames = 21,
                    .timesteps = {9.0, 5.0, 5.0, 1.0}});
      const at::Tensor clip = clip_of(21);
      for (const double timestep : {9.0, 5.0, 1.0}) {
        const at::Tensor output = windows.predict({clip, timestep, text});
        const at::Tensor whole = clip.mul(0.75).sub(timestep);
        EXPECT_LT(golden::relative_difference(output, whole), 2e-7);  // float32 weights
      }
    }
  }
}

TEST_F(Windows, MoveFromStepToStep) {
  const ContextOptions options{.length = 8, .overlap = 2};
  const WindowedUNet windows =
      windowed({.options = options, .num_frames = 20, .timesteps = {9.0, 5.0, 5.0, 1.0}});
  std::int64_t step = 0;
  for (const double timestep : {9.0, 5.0, 1.0}) {
    unet->windows.clear();
    (void)windows.predict({clip_of(20), timestep, text});
    const auto expected = context_windows(options, 20, step++);
    ASSERT_EQ(unet->windows.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(unet->windows[i][0].item<std::int64_t>(), expected[i].first);
    }
  }
  EXPECT_NE(context_windows(options, 20, 0), context_windows(options, 20, 1));
  EXPECT_FALSE(windows.can_reuse_features());
}

TEST_F(Windows, OfAClosedLoopGoOnAtItsFirstFrame) {
  const WindowedUNet windows =
      windowed({.options = {.length = 6, .overlap = 2, .closed_loop = true}, .num_frames = 8});
  (void)windows.predict({clip_of(8), 9.0, text});
  ASSERT_EQ(unet->windows.size(), 2U);
  EXPECT_TRUE(unet->windows[1].equal(at::tensor({4.0F, 5.0F, 6.0F, 7.0F, 0.0F, 1.0F})));
}

TEST_F(Windows, LetAClipOfOneWindowPass) {
  const WindowedUNet windows = windowed({.options = {.length = 8}, .num_frames = 8});
  const at::Tensor clip = at::rand({1, 2, 8, 2, 2});
  EXPECT_TRUE(windows.predict({clip, 3.0, text}).equal(unet->predict({clip, 3.0, text})));
  EXPECT_TRUE(unet->texts[0].is_same(text));
  EXPECT_EQ(unet->windows.size(), 2U);
  EXPECT_TRUE(windows.can_reuse_features());
}

TEST_F(Windows, ThatStayReuseTheirOwnFeatures) {
  const WindowedUNet windows = windowed(
      {.options = {.length = 4, .overlap = 0, .schedule = ContextSchedule::standard_static},
       .num_frames = 8,
       .timesteps = {9.0, 1.0}});
  ASSERT_TRUE(windows.can_reuse_features());
  freeinit::FeatureCache cache(2);
  const at::Tensor clip = clip_of(8);
  EXPECT_TRUE(cache.predict(windows, {clip, 9.0, text}).equal(clip.mul(0.75).sub(9.0)));
  const at::Tensor shallow = cache.predict(windows, {clip, 1.0, text});
  EXPECT_TRUE(shallow.narrow(2, 0, 4).eq(clip.narrow(2, 0, 4).mean()).all().item<bool>());
  EXPECT_TRUE(shallow.narrow(2, 4, 4).eq(clip.narrow(2, 4, 4).mean()).all().item<bool>());
}

TEST_F(Windows, AskTheNetworkForOneOfThem) {
  const WindowedUNet windows = windowed({.options = {.length = 8}, .num_frames = 30});
  windows.check_input({2, 4, 30, 5, 5}, {2, 3, 8});
  EXPECT_EQ(unet->asked, (std::vector<std::int64_t>{2, 4, 8, 5, 5}));
  EXPECT_ERROR(invalid_argument, "latents of '31' frames: these windows are for 30",
               (windows.check_input({2, 4, 31, 5, 5}, {2, 3, 8}), 0));
  EXPECT_ERROR(invalid_argument, "latents of '8' frames", windows.predict({clip_of(8), 9.0, text}));
}

TEST_F(Windows, AreRefusedWhereTheyCannotBe) {
  EXPECT_ERROR(invalid_argument, "unet: none", WindowedUNet(nullptr, {.options = {.length = 8}}));
  EXPECT_ERROR(invalid_argument, "context length '0'", windowed({}));
  EXPECT_ERROR(invalid_argument,
               "context overlap '8': not below the context length; expected 0 to 7",
               windowed({.options = {.length = 8, .overlap = 8}, .num_frames = 20}));
  EXPECT_ERROR(
      invalid_argument, "the static schedule has none",
      windowed(
          {.options = {.length = 8, .stride = 2, .schedule = ContextSchedule::standard_static}}));
  EXPECT_ERROR(invalid_argument, "step '-1'", freeinit::context_windows({.length = 8}, 20, -1));
}

TEST_F(Windows, HaveTheTextOfTheirMiddle) {
  const at::Tensor other = at::full({1, 3, 8}, 9.0);
  const WindowedUNet windows = windowed({.options = {.length = 5, .overlap = 0}, .num_frames = 15});
  const Conditioning travel({{2, text}, {10, other}});
  (void)windows.predict({clip_of(15), 9.0, travel});
  ASSERT_EQ(unet->texts.size(), 3U);
  EXPECT_TRUE(unet->texts[0].equal(text));                      // frame 2
  EXPECT_TRUE(unet->texts[1].equal(at::full_like(text, 6.0)));  // 7, five eighths of the way
  EXPECT_TRUE(unet->texts[2].equal(other));                     // 12, behind the last key
}

TEST_F(Windows, TravelUnderGuidanceWithOneNegativeText) {
  const at::Tensor negative = at::zeros({1, 3, 8});
  const auto windows = std::make_shared<WindowedUNet>(
      unet, WindowSettings{.options = {.length = 5, .overlap = 0}, .num_frames = 10});
  const Conditioning travel({{0, text}, {8, at::full({1, 3, 8}, 9.0)}});
  (void)freeinit::guided_denoiser(windows, travel, negative, {.guidance_scale = 2.0})(clip_of(10),
                                                                                      9);
  ASSERT_EQ(unet->texts.size(), 2U);
  EXPECT_TRUE(unet->texts[0].equal(at::cat({negative, at::full_like(text, 3.0)})));
  EXPECT_TRUE(unet->texts[1].equal(at::cat({negative, at::full_like(text, 8.0)})));
}

TEST(Conditioning, RefusesWhatItCannotBe) {
  const Conditioning travel({{0, text}, {4, text}});
  EXPECT_TRUE(travel.travels());
  EXPECT_ERROR(invalid_argument, "text of 2 key frames: this UNet takes one", travel.single());
  EXPECT_ERROR(invalid_argument, "negative text embedding (none)", travel.after({}));
  EXPECT_ERROR(invalid_argument, "key text at frame '0': not behind that at 4",
               Conditioning({{4, text}, {0, text}}));
  EXPECT_ERROR(invalid_argument, "[1, 3, 9] at frame 4: expected the shape of the first one",
               Conditioning({{0, text}, {4, at::ones({1, 3, 9})}}));
  EXPECT_ERROR(invalid_argument, "text embedding (none)", Conditioning().after(text));
  EXPECT_FALSE(Conditioning().single().defined());
}

}  // namespace
}  // namespace windowed_unet_test
