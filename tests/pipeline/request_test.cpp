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
    return refusal_of(wrong, inputs);
  }

  /// Of what the run starts from.
  template <class Change>
  std::string refusal_of_inputs(Change&& change) const {
    GenerationRequest wrong = request;
    freeinit::GenerationInputs tensors;
    change(wrong, tensors);
    return refusal_of(wrong, tensors);
  }

  std::string refusal_of(const GenerationRequest& wrong,
                         const freeinit::GenerationInputs& tensors) const {
    const auto error = error_of([&] { pipeline.validate(wrong, tensors); });
    EXPECT_EQ(error.code(), freeinit::ErrorCode::invalid_argument) << error.what();
    freeinit::RunControl control;
    control.progress = [](const freeinit::Progress&) { ADD_FAILURE() << "work has begun"; };
    EXPECT_STREQ(error_of([&] { (void)pipeline.generate(wrong, tensors, control); }).what(),
                 error.what());
    return error.what();
  }
};

TEST_F(Request, ComesFromTheManifest) {
  const auto made = pipeline.bundle().manifest().recommended;
  EXPECT_EQ(made.num_frames, 4);
  EXPECT_EQ(made.height, 16);
  EXPECT_EQ(made.width, 16);
  EXPECT_EQ(made.num_inference_steps, 4);
  EXPECT_EQ(made.guidance_scale, 3.0);
  EXPECT_EQ(made.free_init.num_iters, 2);
  EXPECT_EQ(made.free_init.filters[0], freeinit::FrequencyFilterOptions{});
  EXPECT_EQ(made.free_init.profile, freeinit::Profile::diffusers);
  EXPECT_NO_THROW(pipeline.validate(made)) << "an empty prompt is allowed";
}

TEST_F(Request, SizesNameTheNearestThatWork) {
  EXPECT_EQ(refusal([](auto& r) { r.width = 18; }),
            "width '18': this model needs a multiple of 4; use 16 or 20");
  EXPECT_EQ(refusal([](auto& r) { r.height = 3; }),
            "height '3': this model needs a multiple of 4; use 4");
  EXPECT_EQ(refusal([](auto& r) { r.height = -4; }),
            "height '-4': outside its range; expected 1 to 16384");
  EXPECT_EQ(refusal([](auto& r) { r.num_frames = 0; }),
            "number of frames '0': outside its range; expected 1 to 1000000");
}

TEST_F(Request, CountsStartAtOne) {
  EXPECT_NE(refusal([](auto& r) { r.free_init.num_iters = 0; }).find("num_iters '0'"),
            std::string::npos);
  EXPECT_EQ(refusal([](auto& r) { r.num_videos = 0; }),
            "number of videos '0': outside its range; expected 1 to 1024");
  EXPECT_EQ(refusal([](auto& r) { r.decode_chunk_size = 0; }),
            "decode chunk size '0': outside its range; expected at least 1");
  EXPECT_NE(refusal([](auto& r) { r.num_inference_steps = 0; }).find("0"), std::string::npos);
  EXPECT_NE(refusal([](auto& r) { r.num_inference_steps = 1001; }).find("1001"), std::string::npos);
}

TEST_F(Request, SettingsMustBeNumbers) {
  EXPECT_EQ(refusal([](auto& r) { r.guidance_scale = kNan; }),
            "guidance scale 'nan': expected a finite number");
  EXPECT_EQ(refusal([](auto& r) { r.fps = kNan; }), "fps 'nan': expected a number above 0");
  EXPECT_EQ(refusal([](auto& r) { r.fps = 0; }), "fps '0': expected a number above 0");
  EXPECT_NE(refusal([](auto& r) { r.eta = kNan; }).find("eta"), std::string::npos);
  EXPECT_NE(refusal([](auto& r) { r.eta = 1.5; }).find("eta"), std::string::npos);
  EXPECT_NE(refusal([](auto& r) { r.free_init.filters[0].order = kNan; }).find("order"),
            std::string::npos);
  EXPECT_NE(refusal([](auto& r) {
              r.free_init.filters[0].spatial_stop_frequency = kNan;
            }).find("spatial"),
            std::string::npos);
}

TEST_F(Request, ADistilledModelTakesNoGuidance) {
  freeinit::Manifest manifest = pipeline.bundle().manifest();
  manifest.unet.max_guidance_scale = 1.0;
  request.guidance_scale = 1.5;
  EXPECT_ERROR(invalid_argument,
               "guidance scale '1.5': this model was distilled to run without; expected at most 1",
               (freeinit::check_request(request, manifest, inputs), 0));
  request.guidance_scale = 1.0;
  EXPECT_NO_THROW(freeinit::check_request(request, manifest, inputs));
}

TEST_F(Request, InitialNoiseMustFit) {
  EXPECT_EQ(refusal_of_inputs([](auto&, auto& t) {
              t.initial_noise = at::zeros({1, 4, 4, 8, 9});
            }),
            "initial noise '[1, 4, 4, 8, 9]': expected [1, 4, 4, 8, 8]");
  EXPECT_EQ(refusal_of_inputs([](auto&, auto& t) {
              t.initial_noise = at::zeros({4, 4, 8, 8});
            }),
            "initial noise '[4, 4, 8, 8]': expected [1, 4, 4, 8, 8]");
  EXPECT_EQ(refusal_of_inputs([](auto& r, auto& t) {
              r.num_videos = 3;
              t.initial_noise = at::zeros({2, 4, 4, 8, 8});
            }),
            "initial noise '[2, 4, 4, 8, 8]': expected [3, 4, 4, 8, 8]");
  EXPECT_EQ(refusal_of_inputs([](auto&, auto& t) {
              t.initial_noise = at::zeros({1, 4, 4, 8, 8}, at::kLong);
            }),
            "initial noise of 'Long': expected floating point numbers");
}

// The grid of `uniform` has 31 steps for 30, and the budget pays for each of them.
TEST_F(Request, ABudgetCountsTheStepsOfTheGrid) {
  freeinit::Manifest manifest = pipeline.bundle().manifest();
  manifest.scheduler.timestep_spacing = freeinit::TimestepSpacing::uniform;
  request.num_inference_steps = 30;
  request.real_video.source = freeinit::VideoNoiseSource::invert;
  inputs.video_latents = at::zeros({1, 4, 4, 8, 8});
  request.free_init.budget_calls = 61;
  EXPECT_ERROR(invalid_argument,
               "budget of calls '61': the inversion takes 31 and the last pass 31; expected at "
               "least 62",
               (freeinit::check_request(request, manifest, inputs), 0));
  request.free_init.budget_calls = 62;
  EXPECT_NO_THROW(freeinit::check_request(request, manifest, inputs));
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
  EXPECT_NO_THROW(pipeline.validate(request, inputs));
}

TEST_F(Request, NamesAnotherSampler) {
  EXPECT_NE(refusal([](auto& r) {
              r.sampler = "eular";
            }).find("sampler 'eular': unknown; expected one of ddim, pndm"),
            std::string::npos);
  EXPECT_NE(refusal([](auto& r) {
              r.sigma_spacing = freeinit::SigmaSpacing::karras;
            }).find("sigma spacing 'karras': not known to sampler 'ddim'"),
            std::string::npos);
  request.sampler = "dpmsolver++";
  request.sigma_spacing = freeinit::SigmaSpacing::karras;
  EXPECT_NO_THROW(pipeline.validate(request, inputs));
  const freeinit::SamplerConfig model{.sampler = "UniPCMultistepScheduler",
                                      .beta_end = 0.012,
                                      .solver_order = 3,
                                      .predict_x0 = false};
  const auto config = freeinit::request_config(model, request);
  EXPECT_EQ(config, (freeinit::SamplerConfig{.sampler = "dpmsolver++",
                                             .beta_end = 0.012,
                                             .sigma_spacing = freeinit::SigmaSpacing::karras}));
  request.sampler = "unipc";
  EXPECT_EQ(freeinit::request_config(model, request).solver_order, 3) << "the model's own sampler";
}

TEST(ProfileConfig, OfficialForcesTheAuthorsScheduler) {
  const freeinit::SamplerConfig model{.beta_end = 0.012,
                                      .set_alpha_to_one = false,
                                      .timestep_spacing = freeinit::TimestepSpacing::linspace};
  EXPECT_EQ(freeinit::profile_config(model, freeinit::Profile::diffusers), model);
  const auto config = freeinit::profile_config(model, freeinit::Profile::official);
  EXPECT_EQ(config.timestep_spacing, freeinit::TimestepSpacing::leading);
  EXPECT_EQ(config.steps_offset, 1);
  EXPECT_FALSE(config.clip_sample);
  EXPECT_TRUE(config.set_alpha_to_one);
  EXPECT_EQ(config.beta_end, 0.012);
}

}  // namespace request_test
