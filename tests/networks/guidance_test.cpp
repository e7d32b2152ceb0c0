#include "support/error_of.hpp"

#include <freeinit/networks/guidance.hpp>

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>

#include <limits>

namespace guided_denoiser_test {

using freeinit::guided_denoiser;

/// Adds the mean of each text to its latents and remembers what it was asked.
class RecordingUNet final : public freeinit::VideoUNet {
 public:
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    batches.push_back(input.latents.size(0));
    last_timestep = input.timestep;
    last_fps = input.fps;
    const at::Tensor& text = input.text.single();
    return input.latents.add(text.mean(at::IntArrayRef{1, 2}).reshape({-1, 1, 1, 1, 1}));
  }

  mutable std::vector<std::int64_t> batches;
  mutable double last_timestep = -1;
  mutable double last_fps = -1;
};

const at::Tensor latents = at::arange(2 * 4 * 2 * 2 * 2, at::kFloat).reshape({2, 4, 2, 2, 2});
const at::Tensor positive = at::full({2, 3, 8}, 5.0);
const at::Tensor negative = at::full({2, 3, 8}, 1.0);

TEST(GuidedDenoiser, OneCallOnNegativeAndPositive) {
  const auto unet = std::make_shared<RecordingUNet>();
  const auto denoiser =
      guided_denoiser(unet, positive, negative, {.guidance_scale = 2.5, .fps = 8.0});
  const at::Tensor output = denoiser(latents, 123);
  EXPECT_TRUE(output.equal(latents.add(1.0 + 2.5 * (5.0 - 1.0))));
  EXPECT_EQ(unet->batches, (std::vector<std::int64_t>{4}));
  EXPECT_EQ(unet->last_timestep, 123);
  EXPECT_EQ(unet->last_fps, 8.0);
}

TEST(GuidedDenoiser, WithoutGuidanceTheNegativeTextIsNotAsked) {
  for (const double scale : {1.0, 0.0, -3.0}) {
    const auto unet = std::make_shared<RecordingUNet>();
    const auto denoiser = guided_denoiser(unet, positive, {}, {.guidance_scale = scale});
    EXPECT_TRUE(denoiser(latents, 1).equal(latents.add(5.0)));
    EXPECT_EQ(unet->batches, (std::vector<std::int64_t>{2}));
  }
}

TEST(GuidedDenoiser, GuidesInsideTheIntervalOnly) {
  const auto unet = std::make_shared<RecordingUNet>();
  const auto denoiser =
      guided_denoiser(unet, positive, negative, {.guidance_scale = 2.5, .interval = {200, 800}});
  for (const double timestep : {800.5, 800.0, 200.0, 199.5}) {
    const bool guided = timestep == 800.0 || timestep == 200.0;
    const at::Tensor expected = latents.add(guided ? 1.0 + 2.5 * (5.0 - 1.0) : 5.0);
    EXPECT_TRUE(denoiser(latents, timestep).equal(expected)) << timestep;
  }
  EXPECT_EQ(unet->batches, (std::vector<std::int64_t>{2, 4, 4, 2}));
}

TEST(GuidedDenoiser, MayBeCalledOutsideTheInferenceModeOfItsFirstCall) {
  const auto denoiser = guided_denoiser(std::make_shared<RecordingUNet>(), positive, negative, {});
  const at::Tensor expected = denoiser(latents, 1).clone();
  {
    const c10::InferenceMode mode;
    EXPECT_TRUE(denoiser(latents, 1).equal(expected));
  }
  EXPECT_TRUE(denoiser(latents, 1).equal(expected));
  const auto begun_in_it =
      guided_denoiser(std::make_shared<RecordingUNet>(), positive, negative, {});
  {
    const c10::InferenceMode mode;
    (void)begun_in_it(latents, 1);
  }
  EXPECT_TRUE(begun_in_it(latents, 1).equal(expected));
}

TEST(GuidedDenoiser, RefusesNonsense) {
  const auto unet = std::make_shared<RecordingUNet>();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_ERROR(invalid_argument, "guidance scale nan",
               guided_denoiser(unet, positive, negative, {.guidance_scale = nan}));
  EXPECT_ERROR(invalid_argument, "fps nan",
               guided_denoiser(unet, positive, negative, {.fps = nan}));
  EXPECT_ERROR(invalid_argument, "text embedding (none): expected [batch, length, width]",
               guided_denoiser(unet, {}, negative, {}));
  EXPECT_ERROR(invalid_argument, "unet: none", guided_denoiser(nullptr, positive, negative, {}));
  EXPECT_ERROR(invalid_argument, "negative text embedding (none)",
               guided_denoiser(unet, positive, {}, {}));
  EXPECT_ERROR(invalid_argument, "expected the shape of the text, [2, 3, 8]",
               guided_denoiser(unet, positive, negative.narrow(0, 0, 1), {}));
}

}  // namespace guided_denoiser_test
