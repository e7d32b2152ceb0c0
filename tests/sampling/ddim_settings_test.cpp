#include <freeinit/sampling/sampler_table.hpp>
#include <freeinit/sampling/samplers/ddim.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "sampling/ddim_cases.hpp"
#include "support/error_of.hpp"
#include "support/golden.hpp"
#include "support/sampler_steps.hpp"

namespace ddim_settings_test {
namespace {

using ddim_cases::randn;
using freeinit::ErrorCode;
using freeinit::NoiseSchedule;
using freeinit::PredictionType;
using freeinit::SamplerConfig;
using freeinit::TimestepSpacing;

void expect_refused(const std::string& word, const std::function<void(SamplerConfig&)>& change) {
  SamplerConfig config;
  change(config);
  const freeinit::Error error = error_of([&] { freeinit::NoiseSchedule{config}; });
  EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
  EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
}

TEST(DdimSettings, RefusesImpossibleOnesAtConstruction) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_refused("num_train_timesteps", [](auto& c) { c.num_train_timesteps = 0; });
  expect_refused("beta_start", [](auto& c) { c.beta_start = 0.0; });
  expect_refused("beta_start", [=](auto& c) { c.beta_start = nan; });
  expect_refused("beta_end", [](auto& c) { c.beta_end = 1.5; });
  expect_refused("alphas_cumprod", [](auto& c) { c.beta_start = c.beta_end = 0.9; });  // underflow
  expect_refused("alphas_cumprod[0]", [](auto& c) { c.beta_start = 1e-12; });
  expect_refused("steps_offset", [](auto& c) { c.steps_offset = -1; });
  expect_refused("steps_offset", [](auto& c) { c.steps_offset = 1000; });
  expect_refused("clip_sample_range", [](auto& c) { c.clip_sample_range = 0.0; });
  expect_refused("dynamic_thresholding_ratio", [](auto& c) { c.dynamic_thresholding_ratio = 1.1; });
  expect_refused("sample_max_value", [=](auto& c) { c.sample_max_value = nan; });
  expect_refused("trained_betas", [](auto& c) { c.trained_betas = {0.1, 0.2}; });
  expect_refused("trained_betas", [](auto& c) {
    c.num_train_timesteps = 2;
    c.trained_betas = {0.1, -0.2};
  });
}

TEST(DdimSettings, RefusesStepsAndEtaOutsideTheirRange) {
  const NoiseSchedule scheduler{SamplerConfig{}};
  for (const std::int64_t steps : {0, -1, 1001}) {
    EXPECT_ERROR(invalid_argument, "expected 1 to 1000", freeinit::make_sampler(scheduler, steps));
  }
  for (const double eta : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_ERROR(invalid_argument, "eta", freeinit::make_sampler(scheduler, 10, eta));
  }
}

// diffusers ends in an IndexError inside the first step.
TEST(DdimSettings, RefusesAGridThatRunsPastTheTrainingTimesteps) {
  SamplerConfig config;
  config.steps_offset = 1;
  const NoiseSchedule scheduler(config);
  EXPECT_ERROR(invalid_argument, "the first timestep would be 1000",
               freeinit::make_sampler(scheduler, 1000));
  EXPECT_ERROR(invalid_argument, "would be 1000", freeinit::make_ddim_inverse(scheduler, 1000));
  EXPECT_EQ(freeinit::make_sampler(scheduler, 999)->timesteps().front(), 999);
}

// With trailing spacing diffusers runs a 62nd step at t = -1 (rounding in NumPy's arange).
TEST(DdimSettings, TrailingSpacingHasExactlyTheStepsAskedFor) {
  SamplerConfig config;
  config.timestep_spacing = TimestepSpacing::trailing;
  const auto trajectory = freeinit::make_sampler(freeinit::NoiseSchedule(config), 61);
  EXPECT_EQ(trajectory->timesteps().size(), 61U);
  EXPECT_GE(trajectory->timesteps().back(), 0);
}

TEST(DdimSettings, RefusesDivisionsByZero) {
  SamplerConfig config;
  config.clip_sample = false;
  config.rescale_betas_zero_snr = true;
  config.timestep_spacing = TimestepSpacing::trailing;
  EXPECT_ERROR(invalid_argument, "holds no signal",
               freeinit::make_sampler(freeinit::NoiseSchedule(config), 5));
  config.timestep_spacing = TimestepSpacing::leading;  // never reaches the last timestep
  EXPECT_EQ(freeinit::make_sampler(freeinit::NoiseSchedule(config), 5)->timesteps().front(), 800);

  config = {};
  config.prediction_type = PredictionType::sample;
  EXPECT_ERROR(invalid_argument, "set_alpha_to_one",
               freeinit::make_ddim_inverse(freeinit::NoiseSchedule(config), 5));
  config.timestep_spacing = TimestepSpacing::linspace;
  EXPECT_ERROR(invalid_argument, "linspace",
               freeinit::make_ddim_inverse(freeinit::NoiseSchedule(config), 5));
}

// With eta 1 and no signal left, 1 - abar - sigma^2 is 0; rounding must not turn its root into NaN.
TEST(DdimSettings, FullNoiseAtZeroSignalStaysFinite) {
  SamplerConfig config;
  config.prediction_type = PredictionType::v_prediction;
  config.rescale_betas_zero_snr = true;
  config.timestep_spacing = TimestepSpacing::trailing;
  const NoiseSchedule scheduler(config);
  for (const std::int64_t steps : {1, 2, 3, 7, 20, 50}) {
    freeinit::NoiseSource noise(std::uint64_t{1});
    const at::Tensor sample = randn(2, {1, 1, 2, 2, 2});
    const at::Tensor next =
        stepped(*freeinit::make_sampler(scheduler, steps, 1.0), 0, sample, sample, noise);
    EXPECT_TRUE(next.isfinite().all().item<bool>()) << steps;
  }
}

TEST(DdimSettings, AStepRefusesTensorsThatDoNotFit) {
  const auto trajectory = freeinit::make_sampler(freeinit::NoiseSchedule(SamplerConfig{}), 5);
  freeinit::NoiseSource noise(std::uint64_t{1});
  const at::Tensor sample = randn(2, {1, 1, 2, 2, 2});
  EXPECT_ERROR(invalid_argument, "model output", stepped(*trajectory, 0, sample[0], sample, noise));
  EXPECT_ERROR(invalid_argument, "Half",
               stepped(*trajectory, 0, sample.to(at::kHalf), sample, noise));
  EXPECT_ERROR(invalid_argument, "undefined", stepped(*trajectory, 0, {}, sample, noise));
  EXPECT_ERROR(invalid_argument, "step index '5'", stepped(*trajectory, 5, sample, sample, noise));
}

TEST(DdimSettings, AddNoiseRefusesWhatDoesNotFit) {
  const NoiseSchedule scheduler{SamplerConfig{}};
  const at::Tensor sample = randn(2, {1, 1, 2, 2, 2});
  EXPECT_ERROR(invalid_argument, "timestep '1000'", scheduler.add_noise(sample, sample, 1000));
  EXPECT_ERROR(invalid_argument, "timestep '-1'", scheduler.add_noise(sample, sample, -1));
  EXPECT_ERROR(invalid_argument, "noise", scheduler.add_noise(sample, sample[0], 1));
  const at::Tensor integers = sample.to(at::kLong);
  EXPECT_ERROR(invalid_argument, "floating", scheduler.add_noise(integers, integers, 1));
}

TEST(DdimSettings, NoiseIsDrawnWithEtaAlone) {
  const NoiseSchedule scheduler{SamplerConfig{}};
  const at::Tensor sample = randn(2, {1, 1, 2, 2, 2});
  freeinit::NoiseSource untouched(std::uint64_t{1});
  const at::Tensor first = untouched.draw({4});
  freeinit::NoiseSource quiet(std::uint64_t{1});
  (void)stepped(*freeinit::make_sampler(scheduler, 5, 0.0), 0, sample, sample, quiet);
  EXPECT_TRUE(quiet.draw({4}).equal(first));
  freeinit::NoiseSource busy(std::uint64_t{1});
  (void)stepped(*freeinit::make_sampler(scheduler, 5, 0.5), 0, sample, sample, busy);
  EXPECT_FALSE(busy.draw({4}).equal(first));
}

}  // namespace
}  // namespace ddim_settings_test
