#include <freeinit/numerics/ddim_scheduler.hpp>
#include <freeinit/numerics/free_init.hpp>
#include <freeinit/numerics/noise_reinitializer.hpp>

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <stop_token>
#include <tuple>
#include <vector>

#include "support/error_of.hpp"
#include "support/golden.hpp"

namespace free_init_run_test {
namespace {

using freeinit::FreeInitOptions;
using freeinit::FreeInitResult;
using freeinit::Phase;
using freeinit::SamplingOptions;
using Steps = std::vector<std::int64_t>;

constexpr freeinit::LatentShape kShape{1, 2, 4, 4, 6};

const freeinit::DdimScheduler& scheduler() {
  static const freeinit::DdimScheduler instance{freeinit::DdimConfig{}};
  return instance;
}

at::Tensor denoise(const at::Tensor& latents, double) {
  return latents.mul(0.5);
}

FreeInitResult run(const freeinit::Denoiser& denoiser, const FreeInitOptions& options = {},
                   const SamplingOptions& sampling = {.num_inference_steps = 4},
                   const freeinit::RunControl& control = {}) {
  freeinit::NoiseSource noise(std::uint64_t{1});
  return freeinit::free_init(denoiser, scheduler(), kShape, options, sampling, noise, at::kFloat,
                             at::kCPU, control);
}

FreeInitOptions fast(std::int64_t num_iters,
                     freeinit::Profile profile = freeinit::Profile::diffusers) {
  return {.num_iters = num_iters, .fast_sampling = true, .profile = profile};
}

TEST(StepsPerPass, FollowsTheOriginalsRounding) {
  EXPECT_EQ(freeinit::steps_per_pass(fast(5), 25), (Steps{5, 10, 15, 20, 25}));
  EXPECT_EQ(freeinit::steps_per_pass(fast(3), 25), (Steps{8, 16, 25}));
  EXPECT_EQ(freeinit::steps_per_pass(fast(3), 20), (Steps{6, 13, 20}));
  EXPECT_EQ(freeinit::steps_per_pass(fast(5), 50), (Steps{10, 20, 30, 40, 50}));
  EXPECT_EQ(freeinit::steps_per_pass(fast(7), 61), (Steps{8, 17, 26, 34, 43, 52, 60}));
  EXPECT_EQ(freeinit::steps_per_pass(fast(3), 2), (Steps{1, 1, 2}));
  EXPECT_EQ(freeinit::steps_per_pass({}, 25), (Steps{25, 25, 25}));
}

TEST(StepsPerPass, ProfilesDifferWhereAPassWouldBeEmpty) {
  const auto official = freeinit::Profile::official;
  EXPECT_EQ(freeinit::steps_per_pass(fast(3, official), 3), (Steps{1, 2, 3}));
  EXPECT_ERROR(invalid_argument, "would have no step",
               freeinit::steps_per_pass(fast(3, official), 2));
  EXPECT_ERROR(invalid_argument, "num_inference_steps '0'", freeinit::steps_per_pass({}, 0));
  EXPECT_EQ(freeinit::profile_from_string("official"), official);
  EXPECT_EQ(to_string(freeinit::Profile::diffusers), "diffusers");
  EXPECT_ERROR(invalid_argument, "diffusers, official", freeinit::profile_from_string("webui"));
}

TEST(FreeInitRun, OnePassIsPlainSampling) {
  const FreeInitResult result = run(denoise, {.num_iters = 1});
  freeinit::NoiseSource noise(std::uint64_t{1});
  at::Tensor latents = noise.draw(kShape.sizes());
  const auto trajectory = scheduler().trajectory(4);
  for (std::size_t i = 0; i < 4; ++i) {
    latents = trajectory->step(i, denoise(latents, 0), latents, noise);
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
  (void)run(denoise, fast(2), {.num_inference_steps = 3}, control);
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
  const SamplingOptions sampling{
      .num_inference_steps = 4,
      .eta = 0.0,

      .on_pass = [&](int, const at::Tensor& latents) { passes.push_back(latents); }};
  return run(
      [&](const at::Tensor& latents, double t) {
        if (++calls == call) stop.request_stop();
        return denoise(latents, t);
      },
      {}, sampling, control);
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
  const SamplingOptions good{.num_inference_steps = 4};
  const auto sampling = [](std::int64_t steps, double eta, at::Tensor noise = {}) {
    return SamplingOptions{.num_inference_steps = steps, .eta = eta, .initial_noise = noise};
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_ERROR(invalid_argument, "denoiser", run({}));
  EXPECT_ERROR(invalid_argument, "num_iters '0'", run(counting, {.num_iters = 0}, good));
  FreeInitOptions bad_filter;
  bad_filter.filter.spatial_stop_frequency = nan;
  EXPECT_ERROR(invalid_argument, "spatial_stop_frequency", run(counting, bad_filter, good));
  EXPECT_ERROR(invalid_argument, "num_inference_steps", run(counting, {}, sampling(0, 0.0)));
  EXPECT_ERROR(invalid_argument, "num_inference_steps", run(counting, {}, sampling(1001, 0.0)));
  EXPECT_ERROR(invalid_argument, "eta", run(counting, {}, sampling(4, nan)));
  const at::Tensor wrong = freeinit::NoiseSource(std::uint64_t{1}).draw({1, 2, 4, 4, 5});
  EXPECT_ERROR(invalid_argument, "initial noise", run(counting, {}, sampling(4, 0.0, wrong)));

  freeinit::NoiseSource three(std::vector<std::uint64_t>{1, 2, 3});
  EXPECT_ERROR(invalid_argument, "'3' seeds",
               freeinit::free_init(counting, scheduler(), kShape, {}, good, three));
  freeinit::NoiseSource one(std::uint64_t{1});
  EXPECT_ERROR(invalid_argument, "latent shape",
               freeinit::free_init(counting, scheduler(), {1, 4, 0, 8, 8}, {}, good, one));
  EXPECT_ERROR(invalid_argument, "dtype",
               freeinit::free_init(counting, scheduler(), kShape, {}, good, one, at::kLong));
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
class ScaledScheduler final : public freeinit::Scheduler {
 public:
  static constexpr double kSigma = 25.0;

  struct OneStep final : freeinit::Trajectory {
    std::span<const std::int64_t> timesteps() const noexcept override { return list; }
    double init_noise_sigma() const noexcept override { return kSigma; }
    at::Tensor step(std::size_t, const at::Tensor& output, const at::Tensor&,
                    freeinit::NoiseSource&) const override {
      return output;
    }
    at::Tensor pred_original_sample(std::size_t, const at::Tensor& output,
                                    const at::Tensor&) const override {
      return output;
    }
    std::vector<std::int64_t> list{999};
  };

  std::int64_t num_train_timesteps() const noexcept override { return 1000; }
  std::unique_ptr<const freeinit::Trajectory> trajectory(std::int64_t, double) const override {
    return std::make_unique<OneStep>();
  }
  at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                       std::int64_t timestep) const override {
    return scheduler().add_noise(original, noise, timestep);
  }
  at::Tensor add_noise_between(const at::Tensor& sample, const at::Tensor& noise, std::int64_t from,
                               std::int64_t to) const override {
    return scheduler().add_noise_between(sample, noise, from, to);
  }
};

// The mix happens on unit noise and the sampler's scale comes afterwards; diffusers scales the
// noise it keeps and restarts Euler at 48 and 84 times unit noise.
TEST(FreeInitRun, EveryPassStartsAtTheSamplersOwnScale) {
  std::vector<double> deviations;
  freeinit::NoiseSource noise(std::uint64_t{1});
  (void)freeinit::free_init(
      [&](const at::Tensor& latents, double) {
        deviations.push_back(latents.std().item<double>() / ScaledScheduler::kSigma);
        return latents.div(ScaledScheduler::kSigma);  // white x_0 of unit variance
      },
      ScaledScheduler(), {1, 4, 16, 16, 16}, {}, {.num_inference_steps = 1}, noise);
  ASSERT_EQ(deviations.size(), 3U);
  for (const double deviation : deviations) EXPECT_NEAR(deviation, 1.0, 0.05);
}

}  // namespace
}  // namespace free_init_run_test
