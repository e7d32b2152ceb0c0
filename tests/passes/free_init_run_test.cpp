#include <freeinit/noise/noise_reinitializer.hpp>
#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <stop_token>
#include <tuple>
#include <vector>

#include "support/error_of.hpp"
#include "support/golden.hpp"
#include "support/sampler_steps.hpp"

namespace free_init_run_test {
namespace {

using freeinit::FreeInitOptions;
using freeinit::FreeInitResult;
using freeinit::FreeInitSettings;
using freeinit::Phase;

constexpr freeinit::LatentShape kShape{1, 2, 4, 4, 6};

const freeinit::NoiseSchedule& schedule() {
  static const freeinit::NoiseSchedule instance{freeinit::SamplerConfig{}};
  return instance;
}

at::Tensor denoise(const at::Tensor& latents, double) {
  return latents.mul(0.5);
}

FreeInitSettings settings_of(const FreeInitOptions& options, std::int64_t steps = 4) {
  return {.shape = kShape, .options = options, .num_inference_steps = steps};
}

FreeInitResult run(const freeinit::Denoiser& denoiser, const FreeInitSettings& settings,
                   const freeinit::RunControl& control = {}, const freeinit::RunHooks& hooks = {}) {
  return freeinit::free_init(denoiser, schedule(), settings, freeinit::NoiseSource(1), control,
                             hooks);
}

FreeInitResult run(const freeinit::Denoiser& denoiser, const FreeInitOptions& options = {}) {
  return run(denoiser, settings_of(options));
}

FreeInitOptions fast(std::int64_t num_iters) {
  return {.num_iters = num_iters, .fast_sampling = true};
}

TEST(FreeInitRun, OnePassIsPlainSampling) {
  const FreeInitResult result = run(denoise, {.num_iters = 1});
  freeinit::NoiseSource noise(std::uint64_t{1});
  at::Tensor latents = noise.draw(kShape.sizes());
  const auto trajectory = freeinit::make_sampler(schedule(), 4);
  for (std::size_t i = 0; i < 4; ++i) {
    latents =
        stepped(*trajectory, static_cast<std::int64_t>(i), denoise(latents, 0), latents, noise);
  }
  EXPECT_TRUE(result.latents.equal(latents));
  EXPECT_EQ(result.denoiser_calls, 4);
  EXPECT_EQ(result.completed_passes, 1);
}

TEST(FreeInitRun, ReportsPassStepAndPhase) {
  std::vector<std::tuple<Phase, int, int, int, int>> seen;
  freeinit::RunControl control;
  control.progress = [&](const freeinit::Progress& p) {
    seen.emplace_back(p.phase, p.pass, p.num_passes, p.step, p.num_steps);
  };
  (void)run(denoise, settings_of(fast(2), 3), control);
  const decltype(seen) expected = {{Phase::denoise, 0, 2, 0, 1}, {Phase::denoise, 0, 2, 1, 1},
                                   {Phase::reinit, 1, 2, 0, 1},  {Phase::reinit, 1, 2, 1, 1},
                                   {Phase::denoise, 1, 2, 0, 3}, {Phase::denoise, 1, 2, 1, 3},
                                   {Phase::denoise, 1, 2, 2, 3}, {Phase::denoise, 1, 2, 3, 3}};
  EXPECT_EQ(seen, expected);
}

/// Runs 3 passes of 4 steps and asks for the stop during denoiser call `call` (from 1).
FreeInitResult stopped_at(int call, std::vector<at::Tensor>& passes, int& calls) {
  std::stop_source stop;
  freeinit::RunControl control;
  control.stop = stop.get_token();
  freeinit::RunHooks hooks;
  hooks.on_pass = [&](const freeinit::RunPoint& at, const at::Tensor& latents) {
    EXPECT_EQ(at.pass, static_cast<int>(passes.size()));
    EXPECT_EQ(at.step, 4);
    passes.push_back(latents);
  };
  return run(
      [&](const at::Tensor& latents, double t) {
        if (++calls == call) stop.request_stop();
        return denoise(latents, t);
      },
      settings_of({}), control, hooks);
}

TEST(FreeInitRun, AStopReturnsTheLastCompletePass) {
  const FreeInitResult whole = run(denoise);
  for (const int call : {4, 5, 8, 11}) {
    std::vector<at::Tensor> passes;
    int calls = 0;
    const FreeInitResult result = stopped_at(call, passes, calls);
    EXPECT_TRUE(result.cancelled);
    EXPECT_EQ(calls, call) << "a denoiser call after the stop";
    EXPECT_EQ(result.completed_passes, call / 4);
    EXPECT_EQ(result.denoiser_calls, call);
    ASSERT_EQ(passes.size(), static_cast<std::size_t>(call / 4));
    EXPECT_TRUE(result.latents.equal(passes.back()));
  }
  std::vector<at::Tensor> passes;
  int calls = 0;
  const FreeInitResult complete = stopped_at(12, passes, calls);  // during the very last call
  EXPECT_FALSE(complete.cancelled);
  EXPECT_TRUE(complete.latents.equal(whole.latents));
}

TEST(FreeInitRun, AStopBeforeAnyCompletePassIsAnError) {
  std::vector<at::Tensor> passes;
  int calls = 0;
  EXPECT_ERROR(cancelled, "before the first pass", stopped_at(3, passes, calls));
  EXPECT_EQ(calls, 3);
  EXPECT_TRUE(passes.empty());
}

TEST(FreeInitRun, RefusesUnusableSettingsBeforeTheFirstCall) {
  int calls = 0;
  const freeinit::Denoiser counting = [&](const at::Tensor& latents, double) {
    ++calls;
    return latents;
  };
  const auto refused = [&](const char* word, const auto& change) {
    FreeInitSettings settings = settings_of({});
    change(settings);
    EXPECT_ERROR(invalid_argument, word, run(counting, settings));
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_ERROR(invalid_argument, "denoiser", run({}));
  refused("num_iters '0'", [](auto& s) { s.options.num_iters = 0; });
  refused("spatial_stop", [=](auto& s) { s.options.filters[0].spatial_stop_frequency = nan; });
  refused("filters '[]'", [](auto& s) { s.options.filters.clear(); });
  refused("num_inference_steps", [](auto& s) { s.num_inference_steps = 0; });
  refused("num_inference_steps", [](auto& s) { s.num_inference_steps = 1001; });
  refused("eta", [=](auto& s) { s.eta = nan; });
  refused("initial noise", [](auto& s) {
    s.initial_noise = freeinit::NoiseSource(1).draw({1, 2, 4, 4, 5});
  });
  refused("latent shape", [](auto& s) { s.shape = {1, 4, 0, 8, 8}; });
  refused("dtype", [](auto& s) { s.dtype = at::kLong; });
  EXPECT_ERROR(invalid_argument, "'3' seeds",
               freeinit::free_init(counting, schedule(), settings_of({}),
                                   freeinit::NoiseSource(std::vector<std::uint64_t>{1, 2, 3})));
  EXPECT_EQ(calls, 0);
}

TEST(FreeInitRun, WhatTheDenoiserThrowsComesThrough) {
  EXPECT_THROW((void)run([](const at::Tensor&, double) -> at::Tensor {
                 throw std::out_of_range("denoiser");
               }),
               std::out_of_range);
  EXPECT_ERROR(invalid_argument, "model output",
               run([](const at::Tensor& x, double) { return x[0]; }));
}

// A denoiser with trainable weights must not make the run keep every intermediate tensor.
TEST(FreeInitRun, RecordsNoGradients) {
  ASSERT_TRUE(at::GradMode::is_enabled());
  const at::Tensor weight = freeinit::NoiseSource(std::uint64_t{9}).draw({1}).requires_grad_();
  const FreeInitResult result = run([&](const at::Tensor& x, double) { return x.mul(weight); });
  EXPECT_FALSE(result.latents.requires_grad());
  EXPECT_TRUE(at::GradMode::is_enabled());
}

/// A sampler whose states are sigma times unit noise, as Euler's are.
class ScaledSampler final : public freeinit::Sampler {
 public:
  static constexpr double kSigma = 25.0;

  std::span<const double> timesteps() const noexcept override { return list_; }
  double init_noise_sigma() const noexcept override { return kSigma; }
  freeinit::NoiseLevel level(std::int64_t) const override { return {}; }
  freeinit::SamplerState start_at(std::int64_t, const at::Tensor&,
                                  const at::Tensor& noise) const override {
    return start(noise);
  }
  at::Tensor pred_original_sample(const freeinit::SamplerState&,
                                  const at::Tensor& output) const override {
    return output;
  }
  void step(freeinit::SamplerState& state, const at::Tensor& output,
            freeinit::NoiseSource&) const override {
    state.latents = output;
    ++state.index;
  }

 private:
  std::vector<double> list_{998.5};
};

// The mix happens on unit noise and the sampler's scale comes afterwards; diffusers scales the
// noise it keeps and restarts Euler at 48 and 84 times unit noise.
TEST(FreeInitRun, EveryPassStartsAtTheSamplersOwnScale) {
  std::vector<double> deviations;
  FreeInitSettings settings = settings_of({}, 1);
  settings.shape = {1, 4, 16, 16, 16};
  settings.samplers = [](std::int64_t) { return std::make_unique<ScaledSampler>(); };
  (void)run(
      [&](const at::Tensor& latents, double timestep) {
        EXPECT_EQ(timestep, 998.5) << "timesteps need not be whole";
        deviations.push_back(latents.std().item<double>() / ScaledSampler::kSigma);
        return latents.div(ScaledSampler::kSigma);  // white x_0 of unit variance
      },
      settings);
  ASSERT_EQ(deviations.size(), 3U);
  for (const double deviation : deviations) EXPECT_NEAR(deviation, 1.0, 0.05);
}

}  // namespace
}  // namespace free_init_run_test
