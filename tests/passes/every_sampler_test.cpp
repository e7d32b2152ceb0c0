// FreeInit with every sampler: each pass starts from noise of the sampler's own scale, whose low
// frequencies are those of the diffused result.

#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/error_of.hpp"

namespace every_sampler_test {
namespace {

using freeinit::IntermediateResult;
using freeinit::SamplerConfig;
using freeinit::SigmaSpacing;
using freeinit::TimestepSpacing;

const freeinit::LatentShape kShape{
    .batch = 1, .channels = 4, .frames = 16, .height = 16, .width = 16};

std::vector<SamplerConfig> every_sampler() {
  std::vector<SamplerConfig> configs;
  for (const auto& row : freeinit::sampler_table()) {
    for (const auto spacing :
         {TimestepSpacing::leading, TimestepSpacing::linspace, TimestepSpacing::trailing}) {
      SamplerConfig config{
          .sampler = std::string(row.name), .clip_sample = false, .timestep_spacing = spacing};
      configs.push_back(config);
      if (row.name != "euler" && row.name != "heun" && row.name != "dpmsolver++" &&
          row.name != "unipc") {
        continue;
      }
      for (const auto sigmas :
           {SigmaSpacing::karras, SigmaSpacing::exponential, SigmaSpacing::beta}) {
        config.sigma_spacing = sigmas;
        configs.push_back(config);
      }
    }
  }
  return configs;
}

std::string name_of(const SamplerConfig& config) {
  return config.sampler + " " + std::string(to_string(config.timestep_spacing)) + " " +
         std::string(to_string(config.sigma_spacing));
}

/// What of `x` lies below three quarters of the filter's stop frequency, 1/4: with 16 values an
/// axis the lowest frequency is 1/8, and of its three axes two at most may have it.
at::Tensor low_band(const at::Tensor& x) {
  const at::Tensor spectrum = at::fft_fftn(x, {}, {-3, -2, -1});
  at::Tensor mask = at::zeros(kShape.sizes());
  for (const std::int64_t f : {0, 1, 15}) {
    for (const std::int64_t h : {0, 1, 15}) {
      for (const std::int64_t w : {0, 1, 15}) {
        if (f != 0 && h != 0 && w != 0) continue;
        mask.select(2, f).select(2, h).select(2, w).fill_(1.0);
      }
    }
  }
  return at::real(at::fft_ifftn(spectrum.mul(mask), {}, {-3, -2, -1}));
}

double correlation(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.sub(a.mean());
  const at::Tensor y = b.sub(b.mean());
  return x.mul(y).sum().div(x.norm().mul(y.norm())).item<double>();
}

/// What enters the passes of a run.
struct Starts {
  /// Of the sampler's first latents, over `init_noise_sigma` of unit noise.
  std::vector<double> deviations{};
  /// From the second pass on: correlation of the low band with that of the diffused result.
  std::vector<double> shares{};
  double result = 0.0;  ///< correlation of the last result with the clean sample
  std::vector<std::int64_t> calls{};
};

/// Three passes with a network that knows a white clean sample of unit variance and predicts it at
/// every level. diffusers' figures of the same run: tests/reference/numerics/free_init_starts.py,
/// docs/numerics.md.
Starts starts_of(SamplerConfig config, const freeinit::FreeInitOptions& options,
                 std::int64_t steps) {
  config.prediction_type = freeinit::PredictionType::v_prediction;
  const at::Tensor clean = freeinit::NoiseSource(std::uint64_t{8}).draw(kShape.sizes());
  const freeinit::NoiseSchedule schedule(config);
  const auto plan = freeinit::plan_passes(options, freeinit::sampler_factory(schedule), steps);
  std::vector<at::Tensor> noises;
  freeinit::RunHooks hooks;
  hooks.on_noise = [&](const freeinit::RunPoint&, const at::Tensor& noise) {
    noises.push_back(noise.clone());
  };
  const freeinit::FreeInit run(schedule,
                               {.shape = kShape, .options = options, .num_inference_steps = steps});
  freeinit::FreeInitState state = run.begin(freeinit::NoiseSource(std::uint64_t{7}));
  std::vector<at::Tensor> diffused;
  const std::int64_t last = schedule.last_timestep();
  const auto denoiser = [&](const at::Tensor& x, double) {
    // v = (sqrt(abar) x - x_0) / sqrt(1 - abar)
    const freeinit::Sampler& sampler = *plan[static_cast<std::size_t>(state.pass)].sampler;
    const double alpha = sampler.level(state.sample.index).alpha;
    return x.mul(std::sqrt(alpha)).sub(clean).div(std::sqrt(1.0 - alpha));
  };
  while (!run.is_done(state)) {
    if (!state.sample.latents.defined() && state.pass > 0) {
      diffused.push_back(state.partial.defined()
                             ? schedule.add_noise_from(state.partial, state.first_noise,
                                                       state.partial_level, schedule.level(last))
                             : schedule.add_noise(state.latents, state.first_noise, last));
    }
    run.advance(state, denoiser, {}, hooks);
  }
  Starts starts{.result = correlation(run.result(state).latents, clean),
                .calls = run.result(state).calls_per_pass};
  for (std::size_t pass = 0; pass < noises.size(); ++pass) {
    const freeinit::Sampler& sampler = *plan[pass].sampler;
    starts.deviations.push_back(sampler.start(noises[pass]).latents.std().item<double>() /
                                sampler.init_noise_sigma());
    if (pass == 0) continue;
    starts.shares.push_back(correlation(low_band(noises[pass]), low_band(diffused[pass - 1])));
  }
  return starts;
}

TEST(EverySampler, EachPassStartsFromNoiseOfTheFirstOnesScale) {
  double farthest = 0.0;
  double least = 1.0;
  for (const SamplerConfig& config : every_sampler()) {
    for (const auto result :
         {IntermediateResult::full, IntermediateResult::partial, IntermediateResult::prediction}) {
      freeinit::FreeInitOptions options;
      options.intermediate.result = result;
      if (result != IntermediateResult::full) options.intermediate.steps = 5;
      const Starts starts = starts_of(config, options, 10);
      ASSERT_EQ(starts.deviations.size(), 3U);
      for (const double deviation : starts.deviations) {
        EXPECT_NEAR(deviation, 1.0, 0.05) << name_of(config);
        farthest = std::max(farthest, std::abs(deviation - 1.0));
      }
      for (const double share : starts.shares) {
        EXPECT_GT(share, 0.99) << name_of(config);
        least = std::min(least, share);
      }
      EXPECT_GT(starts.result, 0.95) << name_of(config);
    }
  }
  RecordProperty("farthest_deviation", std::to_string(farthest));
  RecordProperty("least_correlation", std::to_string(least));
}

// As distilled models are sampled: LCM, TCD, and Euler with trailing timesteps, with AnimateDiff's
// betas. Coarse to fine the passes have 1, 2 and 4 steps. The figures are in docs/samplers.md.
TEST(EverySampler, EachPassOfFourStepsStartsSoToo) {
  for (const char* sampler : {"lcm", "tcd", "euler"}) {
    for (const bool fast : {false, true}) {
      const SamplerConfig config{.sampler = sampler,
                                 .beta_start = 0.00085,
                                 .beta_end = 0.012,
                                 .clip_sample = false,
                                 .timestep_spacing = TimestepSpacing::trailing};
      freeinit::FreeInitOptions options;
      options.fast_sampling = fast;
      const Starts starts = starts_of(config, options, 4);
      const std::vector<std::int64_t> calls{fast ? 1 : 4, fast ? 2 : 4, 4};
      EXPECT_EQ(starts.calls, calls) << sampler;
      ASSERT_EQ(starts.deviations.size(), 3U);
      for (const double deviation : starts.deviations) EXPECT_NEAR(deviation, 1.0, 0.05) << sampler;
      for (const double share : starts.shares) EXPECT_GT(share, 0.99) << sampler;
      std::string figures;
      for (const double deviation : starts.deviations) figures += std::to_string(deviation) + " ";
      for (const double share : starts.shares) figures += std::to_string(share) + " ";
      RecordProperty(std::string(sampler) + (fast ? "_fast" : ""),
                     figures + std::to_string(starts.result));
      EXPECT_GT(starts.result, 0.95) << sampler;
    }
  }
}

// The level a pass stopped at is the sampler's own: the whole grid's levels fall, and a partial
// pass may end between two training timesteps.
TEST(EverySampler, LevelsLoseNoiseStepByStep) {
  for (const SamplerConfig& config : every_sampler()) {
    const auto sampler = freeinit::make_sampler(freeinit::NoiseSchedule(config), 7);
    const auto count = static_cast<std::int64_t>(sampler->timesteps().size());
    for (std::int64_t i = 1; i < count; ++i) {
      EXPECT_GE(sampler->level(i).alpha, sampler->level(i - 1).alpha) << name_of(config);
    }
    EXPECT_ERROR(invalid_argument, "step index", sampler->level(count));
  }
}

}  // namespace
}  // namespace every_sampler_test
