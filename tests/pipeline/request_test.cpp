#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <ATen/Functions.h>

#include <limits>

namespace request_test {

using freeinit::GenerationRequest;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class Request : public TinyPipeline {
 protected:
  /// The message with which validate and generate refuse the request, without a network call.
  template <class Change>
  std::string refusal(Change&& change) const {
    GenerationRequest wrong = request;
    change(wrong);
    const auto error = error_of([&] { pipeline.validate(wrong); });
    EXPECT_EQ(error.code(), freeinit::ErrorCode::invalid_argument) << error.what();
    freeinit::RunControl control;
    control.progress = [](const freeinit::Progress&) { ADD_FAILURE() << "work has begun"; };
    EXPECT_STREQ(error_of([&] { (void)pipeline.generate(wrong, control); }).what(), error.what());
    return error.what();
  }
};

TEST_F(Request, ComesFromTheManifest) {
  const auto made = GenerationRequest::from_manifest(pipeline.bundle().manifest());
  EXPECT_EQ(made.num_frames, 4);
  EXPECT_EQ(made.height, 16);
  EXPECT_EQ(made.width, 16);
  EXPECT_EQ(made.num_inference_steps, 4);
  EXPECT_EQ(made.guidance_scale, 3.0);
  EXPECT_EQ(made.free_init.num_iters, 2);
  EXPECT_EQ(made.free_init.filter, freeinit::FrequencyFilterOptions{});
  EXPECT_EQ(made.free_init.profile, freeinit::Profile::diffusers);
  EXPECT_NO_THROW(pipeline.validate(made)) << "an empty prompt is allowed";
}

TEST_F(Request, SizesNameTheNearestThatWork) {
  EXPECT_EQ(refusal([](auto& r) { r.width = 18; }),
            "width 18: this model needs a multiple of 4; use 16 or 20");
  EXPECT_EQ(refusal([](auto& r) { r.height = 3; }),
            "height 3: this model needs a multiple of 4; use 4");
  EXPECT_EQ(refusal([](auto& r) { r.height = -4; }),
            "height -4: this model needs a multiple of 4; use 4");
  EXPECT_EQ(refusal([](auto& r) { r.num_frames = 9; }),
            "number of frames 9: this model does 1 to 8");
  EXPECT_EQ(refusal([](auto& r) { r.num_frames = 0; }), "number of frames 0: expected 1 or more");
}

TEST_F(Request, CountsStartAtOne) {
  EXPECT_NE(refusal([](auto& r) { r.free_init.num_iters = 0; }).find("num_iters '0'"),
            std::string::npos);
  EXPECT_EQ(refusal([](auto& r) { r.num_videos = 0; }), "number of videos 0: expected 1 or more");
  EXPECT_EQ(refusal([](auto& r) { r.decode_chunk_size = 0; }),
            "decode chunk size 0: expected 1 or more");
  EXPECT_NE(refusal([](auto& r) { r.num_inference_steps = 0; }).find("0"), std::string::npos);
  EXPECT_NE(refusal([](auto& r) { r.num_inference_steps = 1001; }).find("1001"), std::string::npos);
}

TEST_F(Request, SettingsMustBeNumbers) {
  EXPECT_EQ(refusal([](auto& r) { r.guidance_scale = kNan; }),
            "guidance scale nan: expected a finite number");
  EXPECT_EQ(refusal([](auto& r) { r.fps = kNan; }), "fps nan: expected a number above 0");
  EXPECT_EQ(refusal([](auto& r) { r.fps = 0; }), "fps 0: expected a number above 0");
  EXPECT_NE(refusal([](auto& r) { r.eta = kNan; }).find("eta"), std::string::npos);
  EXPECT_NE(refusal([](auto& r) { r.eta = 1.5; }).find("eta"), std::string::npos);
  EXPECT_NE(refusal([](auto& r) { r.free_init.filter.order = kNan; }).find("order"),
            std::string::npos);
  EXPECT_NE(
      refusal([](auto& r) { r.free_init.filter.spatial_stop_frequency = kNan; }).find("spatial"),
      std::string::npos);
}

TEST_F(Request, InitialNoiseMustFit) {
  EXPECT_EQ(refusal([](auto& r) {
              r.initial_noise = at::zeros({1, 4, 4, 8, 9});
            }),
            "initial noise [1, 4, 4, 8, 9]: expected [1, 4, 4, 8, 8]");
  EXPECT_EQ(refusal([](auto& r) {
              r.initial_noise = at::zeros({4, 4, 8, 8});
            }),
            "initial noise [4, 4, 8, 8]: expected [1, 4, 4, 8, 8]");
  EXPECT_EQ(refusal([](auto& r) {
              r.num_videos = 3;
              r.initial_noise = at::zeros({2, 4, 4, 8, 8});
            }),
            "initial noise [2, 4, 4, 8, 8]: expected [3, 4, 4, 8, 8]");
  EXPECT_EQ(refusal([](auto& r) {
              r.initial_noise = at::zeros({1, 4, 4, 8, 8}, at::kLong);
            }),
            "initial noise of Long: expected floating point numbers");
}

TEST_F(Request, OfficialFastSamplingNeedsAStepForEachPass) {
  const auto few_steps = [](auto& r) {
    r.num_inference_steps = 2;
    r.free_init.num_iters = 3;
    r.free_init.fast_sampling = true;
    r.free_init.profile = freeinit::Profile::official;
  };
  EXPECT_NE(refusal(few_steps).find("expected at least 3"), std::string::npos);
  few_steps(request);
  request.free_init.profile = freeinit::Profile::diffusers;
  EXPECT_NO_THROW(pipeline.validate(request));
}

TEST(DdimConfig, FollowsTheManifest) {
  freeinit::SchedulerSpec spec;
  spec.beta_schedule = "scaled_linear";
  spec.prediction_type = "v_prediction";
  spec.timestep_spacing = "trailing";
  spec.beta_end = 0.012;
  const auto config = freeinit::ddim_config(spec);
  EXPECT_EQ(config.beta_schedule, freeinit::BetaSchedule::scaled_linear);
  EXPECT_EQ(config.prediction_type, freeinit::PredictionType::v_prediction);
  EXPECT_EQ(config.timestep_spacing, freeinit::TimestepSpacing::trailing);
  EXPECT_EQ(config.beta_end, 0.012);
  EXPECT_TRUE(config.clip_sample);
  spec.beta_schedule = "cubic";
  EXPECT_ERROR(invalid_argument, "cubic", freeinit::ddim_config(spec));
}

TEST(DdimConfig, OfficialForcesTheAuthorsScheduler) {
  freeinit::SchedulerSpec spec;
  spec.beta_end = 0.012;
  spec.set_alpha_to_one = false;
  spec.timestep_spacing = "linspace";
  const auto config = freeinit::ddim_config(spec, freeinit::Profile::official);
  EXPECT_EQ(config.timestep_spacing, freeinit::TimestepSpacing::leading);
  EXPECT_EQ(config.steps_offset, 1);
  EXPECT_FALSE(config.clip_sample);
  EXPECT_TRUE(config.set_alpha_to_one);
  EXPECT_EQ(config.beta_end, 0.012);
}

}  // namespace request_test
