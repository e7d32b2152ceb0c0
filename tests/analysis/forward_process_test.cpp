#include "support/error_of.hpp"
#include "support/golden.hpp"

#include <freeinit/analysis/forward_process.hpp>
#include <freeinit/noise/noise_source.hpp>

#include <ATen/Functions.h>

#include <cmath>

namespace forward_process_test {

using freeinit::ForwardAnalysis;
using freeinit::ForwardAnalysisOptions;

freeinit::NoiseSchedule schedule() {
  return freeinit::NoiseSchedule(
      {.beta_start = 0.00085, .beta_end = 0.012, .clip_sample = false, .steps_offset = 1});
}

/// A slow, smooth clip of about unit variance: what latents of real videos look like.
at::Tensor smooth_clip(std::uint64_t seed) {
  freeinit::NoiseSource source(seed);
  const at::Tensor walk = source.draw({1, 4, 8, 16, 16}).cumsum(2).cumsum(3).cumsum(4);
  return walk.div(walk.std());
}

TEST(ForwardProcess, ExpectedRatioFollowsTheSchedule) {
  const auto analysis = freeinit::analyze_forward_process(smooth_clip(1), schedule());
  ASSERT_EQ(analysis.levels.size(), 9u);
  EXPECT_EQ(analysis.levels.front().timestep, 0);
  EXPECT_EQ(analysis.levels.back().timestep, 999);
  for (const auto& level : analysis.levels) {
    const double alpha = schedule().alphas_cumprod()[std::size_t(level.timestep)];
    EXPECT_EQ(level.alpha_cumprod, alpha);
    for (std::size_t i = 0; i < analysis.bands.size(); ++i) {
      EXPECT_DOUBLE_EQ(level.expected_snr[i], alpha * analysis.power[i] / (1 - alpha));
    }
  }
}

/// Measures with 64 draws what the clip's spectrum leads to expect.
void expect_measured_as_expected(const freeinit::NoiseSchedule& of) {
  const auto analysis = freeinit::analyze_forward_process(
      smooth_clip(1), of, {.timesteps = {300, 999}, .num_draws = 64, .seed = 5});
  for (const auto& level : analysis.levels) {
    for (std::size_t i = 0; i < analysis.bands.size(); ++i) {
      const double expected = level.expected_snr[i] / (1 + level.expected_snr[i]);
      EXPECT_DOUBLE_EQ(level.expected_share[i], expected);
      // Bands of few values scatter most: 64 draws of 4 values a bin.
      const double values = 64.0 * 4.0 * double(analysis.bands[i].bins);
      EXPECT_NEAR(level.measured.share[i], expected, 5 * std::sqrt(2 / values)) << i;
    }
  }
}

TEST(ForwardProcess, MeasuresWhatItExpects) {
  expect_measured_as_expected(schedule());
}

// VideoCrafter's schedule makes the signal smaller, too.
TEST(ForwardProcess, MeasuresWhatItExpectsOfARescaledSignal) {
  freeinit::SamplerConfig config = schedule().config();
  config.dynamic_rescale.assign(1000, 0.5);
  expect_measured_as_expected(freeinit::NoiseSchedule(config));
}

TEST(ForwardProcess, LowBandsOutliveHighOnes) {
  const auto analysis =
      freeinit::analyze_forward_process(smooth_clip(2), schedule(), {.num_draws = 16});
  const auto& last = analysis.levels.back();
  EXPECT_GT(last.measured.share.front(), 0.3);
  EXPECT_LT(last.measured.share.back(), 0.01);
  // Measured with the same noises, so that their scatter cancels.
  EXPECT_GT(last.measured.low_frame_correlation, analysis.gaussian.low_frame_correlation + 0.015);
  EXPECT_NEAR(analysis.gaussian.low_frame_correlation, 0.0, 0.05);
  EXPECT_GT(analysis.levels.front().measured.frame_correlation, 0.5);
}

TEST(ForwardProcess, SameSeedSameFigures) {
  const auto run = [](std::uint64_t seed) {
    return freeinit::analyze_forward_process(smooth_clip(1), schedule(),
                                             {.timesteps = {999}, .num_draws = 2, .seed = seed});
  };
  EXPECT_EQ(run(1).levels[0].measured.share, run(1).levels[0].measured.share);
  EXPECT_NE(run(1).levels[0].measured.share, run(2).levels[0].measured.share);
}

TEST(ForwardProcess, MeanIsTheMean) {
  const ForwardAnalysisOptions options{.timesteps = {500, 999}, .num_draws = 2};
  const auto a = freeinit::analyze_forward_process(smooth_clip(1), schedule(), options);
  const auto b = freeinit::analyze_forward_process(smooth_clip(2), schedule(), options);
  const auto mean = freeinit::mean_analysis({a, b});
  for (std::size_t i = 0; i < a.bands.size(); ++i) {
    EXPECT_NEAR(mean.power[i], (a.power[i] + b.power[i]) / 2, 1e-9 * mean.power[i]);
    EXPECT_NEAR(mean.levels[1].measured.share[i],
                (a.levels[1].measured.share[i] + b.levels[1].measured.share[i]) / 2, 1e-12);
  }
  EXPECT_NEAR(mean.gaussian.frame_correlation,
              (a.gaussian.frame_correlation + b.gaussian.frame_correlation) / 2, 1e-12);
  auto other = b;
  other.levels.pop_back();
  EXPECT_ERROR(invalid_argument, "of different bands or", freeinit::mean_analysis({a, other}));
  other = b;
  other.levels[0].timestep = 400;
  EXPECT_ERROR(invalid_argument, "or timesteps", freeinit::mean_analysis({a, other}));
  other = b;
  other.bands[1].upper = 0.1;
  EXPECT_ERROR(invalid_argument, "of different bands or", freeinit::mean_analysis({a, other}));
  other = b;
  other.levels[1].expected_snr.pop_back();
  EXPECT_ERROR(invalid_argument, "of different bands or", freeinit::mean_analysis({a, other}));
  other = b;
  other.levels[0].measured.share.pop_back();
  EXPECT_ERROR(invalid_argument, "expected the same bands", freeinit::mean_analysis({a, other}));
  EXPECT_ERROR(invalid_argument, "of different bands or",
               freeinit::mean_analysis({freeinit::ForwardAnalysis{}}));
  EXPECT_ERROR(invalid_argument, "at least one", freeinit::mean_analysis({}));
}

TEST(ForwardProcess, RefusesWhatItCannotAnalyse) {
  const auto run = [](const at::Tensor& latents, const ForwardAnalysisOptions& options) {
    return freeinit::analyze_forward_process(latents, schedule(), options);
  };
  EXPECT_ERROR(invalid_argument, "[4, 2]", run(at::zeros({4, 2}), {}));
  const at::Tensor clip = smooth_clip(1);
  EXPECT_ERROR(invalid_argument, "timestep '1000'", run(clip, {.timesteps = {1000}}));
  EXPECT_ERROR(invalid_argument, "timestep '3'", run(clip, {.timesteps = {5, 3}}));
  EXPECT_ERROR(invalid_argument, "number of draws '0'", run(clip, {.num_draws = 0}));
}

}  // namespace forward_process_test
