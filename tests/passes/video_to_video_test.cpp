// Runs that start from a clean sample at a strength: every pass from the same level, with as many
// steps, by every sampler.

#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "sampling/sampler_cases.hpp"
#include "support/error_of.hpp"
#include "support/golden.hpp"

namespace video_to_video_test {
namespace {

using freeinit::FreeInitSettings;
using freeinit::IntermediateResult;
using freeinit::MixMethod;
using freeinit::SamplerConfig;

const freeinit::LatentShape kShape{
    .batch = 1, .channels = 4, .frames = 16, .height = 16, .width = 16};
const double kStrengths[] = {0.3, 0.5, 0.8, 1.0};

at::Tensor randn(std::uint64_t seed) {
  return freeinit::NoiseSource(seed).draw(kShape.sizes());
}

/// What enters and what leaves each pass.
struct Seen {
  std::vector<at::Tensor> starts, results;
  freeinit::RunHooks hooks{
      .on_noise = [this](const auto&, const at::Tensor& noise) { starts.push_back(noise); },
      .on_pass = [this](const auto&, const at::Tensor& latents) { results.push_back(latents); }};
};

// The first pass is diffusers' pipeline, but for PNDM, whose first steps there are one grid point
// off (docs/numerics.md); what enters it is the same.
TEST(VideoToVideo, RunsEqualDiffusersPassByPass) {
  const char* const file = "numerics/video_to_video.safetensors";
  golden::Largest largest("largest_difference");
  int number = 0;
  const auto cases = golden::json("numerics/video_to_video.json")["cases"];
  for (const auto& row : cases) {
    const freeinit::LatentShape shape{1, 2, 2, 4, 3};
    const at::Tensor pattern = ddim_cases::randn(12, shape.sizes());
    FreeInitSettings settings{.shape = shape,
                              .num_inference_steps = row["steps"],
                              .eta = row["eta"],
                              .initial_sample = ddim_cases::randn(11, shape.sizes()),
                              .strength = row["strength"]};
    settings.options.filters = {{.spatial_stop_frequency = 0.5, .temporal_stop_frequency = 0.5}};
    Seen seen;
    std::vector<double> timesteps;
    const auto result = freeinit::free_init(
        [&](const at::Tensor& latents, double t) {
          timesteps.push_back(t);
          return ddim_cases::model(latents, t, pattern);
        },
        sampler_cases::schedule_of(row), settings, freeinit::NoiseSource(13), {}, seen.hooks);
    const auto expected = row["timesteps"].get<std::vector<double>>();
    const std::string end = "_" + std::to_string(number++);
    const at::Tensor starts = golden::tensor(file, "starts" + end);
    const at::Tensor results = golden::tensor(file, "results" + end);
    if (row["class"] == "PNDMScheduler") {
      EXPECT_EQ(timesteps[0], expected[0]) << row;
      EXPECT_LE(golden::relative_difference(seen.starts[0], starts[0]), 1e-6) << row;
      continue;
    }
    const auto calls = static_cast<std::int64_t>(expected.size());
    EXPECT_EQ(result.calls_per_pass, std::vector<std::int64_t>(3, calls)) << row;
    for (std::size_t i = 0; i < timesteps.size(); ++i) {
      EXPECT_NEAR(timesteps[i], expected[i % expected.size()], 1e-6 * timesteps[i]) << row;
    }
    // As the trajectories of samplers_golden_test.cpp.
    EXPECT_LE(largest(golden::relative_difference(at::stack(seen.starts), starts)), 1e-4) << row;
    EXPECT_LE(largest(golden::relative_difference(at::stack(seen.results), results)), 1e-4) << row;
  }
  EXPECT_EQ(number, 128);
}

/// v = (sqrt(abar) x - x_0) / sqrt(1 - abar) of a network that knows `clean`.
at::Tensor velocity(const at::Tensor& x, const at::Tensor& clean, double alpha) {
  return x.mul(std::sqrt(alpha)).sub(clean).div(std::sqrt(1.0 - alpha));
}

/// Runs with such a network, after each call of which `state` is looked at.
Seen run(const freeinit::NoiseSchedule& schedule, const FreeInitSettings& settings,
         const at::Tensor& clean, freeinit::FreeInitState* last = nullptr) {
  Seen seen;
  const freeinit::FreeInit made(schedule, settings);
  const auto sampler = freeinit::make_sampler(schedule, settings.num_inference_steps);
  freeinit::FreeInitState state = made.begin(freeinit::NoiseSource(7));
  const auto denoise = [&](const at::Tensor& x, double) {
    return velocity(x, clean, sampler->level(state.sample.index).alpha);
  };
  while (!made.is_done(state)) {
    made.advance(state, denoise, {}, seen.hooks);
    const bool between = state.pass == 1 && !state.sample.latents.defined();
    if (last != nullptr && between) *last = state.clone();
  }
  return seen;
}

SamplerConfig config_of(std::string_view sampler) {
  return {.sampler = std::string(sampler),
          .beta_start = 0.00085,
          .beta_end = 0.012,
          .clip_sample = false,
          .prediction_type = freeinit::PredictionType::v_prediction};
}

// The deviation of what enters each pass, in variance-preserving scale, for a clip and results that
// are white and independent of each other: the table of docs/numerics.md.
TEST(VideoToVideo, EveryPassStartsWithTheVarianceOfTheFirst) {
  for (const auto& row : freeinit::sampler_table()) {
    const freeinit::NoiseSchedule schedule(config_of(row.name));
    for (const double strength : kStrengths) {
      const Seen seen = run(schedule,
                            {.shape = kShape,
                             .num_inference_steps = 10,
                             .initial_sample = randn(9),
                             .strength = strength},
                            randn(8));
      ASSERT_EQ(seen.starts.size(), 3U);
      std::string figures;
      for (const at::Tensor& start : seen.starts) {
        const double deviation = start.std().item<double>();
        EXPECT_NEAR(deviation, 1.0, 0.05) << row.name << strength;
        figures += freeinit::concat(deviation, " ");
      }
      RecordProperty(freeinit::concat(row.name, "_", strength), figures);
    }
  }
}

// A network that makes the clip again: what enters holds the clip as the level has it, however its
// noise is mixed. Mixed as a whole by weights for independent noises, the clip would gain power.
TEST(VideoToVideo, TheClipKeepsItsPower) {
  const freeinit::NoiseSchedule schedule(config_of("ddim"));
  const at::Tensor clip = randn(9);
  for (const auto mix :
       {MixMethod::freeinit, MixMethod::variance_preserving, MixMethod::freqprior}) {
    FreeInitSettings settings{
        .shape = kShape, .num_inference_steps = 10, .initial_sample = clip, .strength = 0.5};
    settings.options.mix.method = mix;
    settings.options.filters = {{.spatial_stop_frequency = 0.8, .temporal_stop_frequency = 0.8}};
    const double alpha = freeinit::make_sampler(schedule, 10)->level(5).alpha;
    for (const at::Tensor& start : run(schedule, settings, clip).starts) {
      // The correlation of noise with the clip is 1/128 in deviation; four of them.
      const double share = start.mul(clip).sum().div(clip.square().sum()).item<double>();
      EXPECT_NEAR(share, std::sqrt(alpha), 4.0 / 128.0) << to_string(mix);
      if (mix == MixMethod::freeinit) continue;  // which loses power where the bands meet
      EXPECT_NEAR(start.sub(clip.mul(std::sqrt(alpha))).var().item<double>(), 1.0 - alpha, 0.03);
    }
  }
}

// What the page promises: the low band of the noised result, the high band of the noised clip.
TEST(VideoToVideo, APassStartsFromTheMixOfTheNoisedLatents) {
  for (const char* const sampler : {"ddim", "euler", "heun", "dpmsolver++"}) {
    for (const auto result :
         {IntermediateResult::full, IntermediateResult::partial, IntermediateResult::prediction}) {
      const freeinit::NoiseSchedule schedule(config_of(sampler));
      const at::Tensor clip = randn(9);
      FreeInitSettings settings{
          .shape = kShape, .num_inference_steps = 10, .initial_sample = clip, .strength = 0.5};
      settings.options.num_iters = 2;
      settings.options.intermediate.result = result;
      if (result != IntermediateResult::full) settings.options.intermediate.steps = 2;
      const freeinit::PassPlan plan =
          freeinit::plan_passes(settings.options, freeinit::sampler_factory(schedule), 10, 0.5)[0];
      const auto size = static_cast<std::int64_t>(plan.sampler->timesteps().size());
      EXPECT_EQ(plan.calls, result == IntermediateResult::full ? size - plan.first : 2);
      const freeinit::NoiseLevel level = plan.sampler->level(plan.first);
      const auto noised = [&](const at::Tensor& clean, const at::Tensor& noise) {
        return freeinit::NoiseSchedule::add_noise_from(clean, noise, {}, level);
      };
      freeinit::FreeInitState state{.noise = freeinit::NoiseSource(std::uint64_t{0})};
      const Seen seen = run(schedule, settings, randn(8), &state);
      const at::Tensor diffused =
          state.partial.defined()
              ? freeinit::NoiseSchedule::add_noise_from(state.partial, state.first_noise,
                                                        state.partial_level, level)
              : noised(state.latents, state.first_noise);
      const freeinit::NoiseReinitializer mix(settings.options.filters[0], 16, 16, 16);
      const at::Tensor fresh = state.noise.draw(kShape.sizes());
      const at::Tensor expected = mix(diffused, noised(clip, fresh));
      EXPECT_LT(golden::difference(seen.starts[1], expected), 1e-5) << sampler << int(result);
      EXPECT_LT(golden::difference(seen.starts[0], noised(clip, state.first_noise)), 1e-5);
    }
  }
}

std::vector<std::int64_t> calls_of(const std::string& sampler, std::int64_t steps, double strength,
                                   const freeinit::FreeInitOptions& options = {}) {
  const freeinit::NoiseSchedule schedule(config_of(sampler));
  std::vector<std::int64_t> calls;
  for (const auto& pass :
       freeinit::plan_passes(options, freeinit::sampler_factory(schedule), steps, strength)) {
    calls.push_back(pass.calls);
  }
  return calls;
}

// diffusers' pipeline runs 25, 12 and 6 of 50 steps at strength .5, and 40, 32 and 25 at .8.
TEST(VideoToVideo, EveryPassHasTheStepsOfTheFirst) {
  using Calls = std::vector<std::int64_t>;
  EXPECT_EQ(calls_of("ddim", 50, 0.5), (Calls{25, 25, 25}));
  EXPECT_EQ(calls_of("ddim", 50, 0.8), (Calls{40, 40, 40}));
  EXPECT_EQ(calls_of("heun", 10, 0.5), (Calls{9, 9, 9})) << "two calls a step but the last";
  EXPECT_EQ(calls_of("pndm", 10, 0.5), (Calls{6, 6, 6}));
  EXPECT_EQ(calls_of("ddim", 10, 1.0), (Calls{10, 10, 10}));
  EXPECT_EQ(calls_of("ddim", 9, 0.5, {.fast_sampling = true}), (Calls{1, 3, 4}));
  freeinit::FreeInitOptions cut;
  cut.budget_calls = 60;
  EXPECT_EQ(calls_of("ddim", 50, 0.5, cut), (Calls{25, 25})) << "two passes and the rest of one";
}

TEST(VideoToVideo, RefusesWhatItCannotUse) {
  const freeinit::NoiseSchedule schedule(config_of("ddim"));
  const auto refused = [&](FreeInitSettings settings) {
    settings.shape = kShape;
    settings.num_inference_steps = 10;
    (void)freeinit::FreeInit(schedule, settings);
  };
  const at::Tensor clip = randn(9);
  for (const double strength : {0.0, -0.5, 1.1, std::nan("")}) {
    EXPECT_ERROR(invalid_argument, "expected above 0, at most 1",
                 refused({.initial_sample = clip, .strength = strength}));
  }
  EXPECT_ERROR(invalid_argument,
               "strength '0.05': leaves no step of a pass of 10; expected at least 1/10",
               refused({.initial_sample = clip, .strength = 0.05}));
  EXPECT_ERROR(invalid_argument, "needs an initial sample", refused({.strength = 0.5}));
  EXPECT_ERROR(invalid_argument, "initial sample '[4, 16, 16, 16]",
               refused({.initial_sample = clip[0]}));
  EXPECT_ERROR(invalid_argument, "more than a pass has; expected 1 to 5",
               refused({.options = {.intermediate = {IntermediateResult::prediction, 6}},
                        .initial_sample = clip,
                        .strength = 0.5}));
}

}  // namespace
}  // namespace video_to_video_test
