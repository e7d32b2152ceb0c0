// Where intermediate passes end: chosen steps, tolerances, budgets; what is reported and refused.

#include <freeinit/numerics/ddim_scheduler.hpp>
#include <freeinit/numerics/free_init.hpp>

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <stop_token>
#include <vector>

#include "support/error_of.hpp"
#include "support/golden.hpp"
#include "support/simulated_device.hpp"

namespace early_passes_run_test {
namespace {

using freeinit::FreeInitOptions;
using freeinit::FreeInitResult;
using freeinit::IntermediateResult;
using Calls = std::vector<std::int64_t>;

constexpr freeinit::LatentShape kShape{1, 2, 4, 4, 6};
constexpr std::int64_t kSteps = 8;

const freeinit::DdimScheduler& scheduler() {
  static const freeinit::DdimScheduler instance{freeinit::DdimConfig{}};
  return instance;
}

/// Its clean prediction moves less from call to call, as a network's does.
at::Tensor denoise(const at::Tensor& latents, double) {
  return latents.mul(0.9);
}

FreeInitResult run(const FreeInitOptions& options, const freeinit::RunControl& control = {},
                   const freeinit::Denoiser& denoiser = denoise, at::Device device = at::kCPU,
                   double eta = 0.0) {
  freeinit::NoiseSource noise(std::uint64_t{1});
  return freeinit::free_init(denoiser, scheduler(), kShape, options,
                             {.num_inference_steps = kSteps, .eta = eta}, noise, at::kFloat, device,
                             control);
}

FreeInitOptions early(IntermediateResult result, std::optional<std::int64_t> steps,
                      std::int64_t num_iters = 3) {
  FreeInitOptions options{.num_iters = num_iters};
  options.intermediate.result = result;
  options.intermediate.steps = steps;
  return options;
}

TEST(EarlyPasses, CallsAreCountedAndSaved) {
  const FreeInitResult plain = run({});
  EXPECT_EQ(plain.calls_per_pass, (Calls{8, 8, 8}));
  EXPECT_EQ(plain.calls_saved, 0);
  for (const auto result : {IntermediateResult::partial, IntermediateResult::prediction}) {
    const FreeInitResult shorter = run(early(result, 2));
    EXPECT_EQ(shorter.calls_per_pass, (Calls{2, 2, 8}));
    EXPECT_EQ(shorter.denoiser_calls, 12);
    EXPECT_EQ(shorter.calls_saved, 12);
    EXPECT_FALSE(shorter.converged);
    EXPECT_EQ(freeinit::max_calls_per_pass(early(result, 2), scheduler(), kSteps),
              (Calls{2, 2, 8}));
  }
}

TEST(EarlyPasses, AStopTimestepIsTheSameAsItsSteps) {
  // Timesteps 875, 750, 625, ...: three of them lie above 500.
  const auto by_steps = run(early(IntermediateResult::partial, 3));
  for (const std::int64_t timestep : {500, 624}) {
    FreeInitOptions options = early(IntermediateResult::partial, {});
    options.intermediate.stop_timestep = timestep;
    const auto by_timestep = run(options);
    EXPECT_EQ(by_timestep.calls_per_pass, (Calls{3, 3, 8}));
    EXPECT_TRUE(by_timestep.latents.equal(by_steps.latents));
  }
}

TEST(EarlyPasses, APartialPassOfAllStepsIsAFullOne) {
  EXPECT_TRUE(run(early(IntermediateResult::partial, kSteps)).latents.equal(run({}).latents));
}

// The tolerance must find the pass that one would have cut by hand.
TEST(EarlyPasses, AToleranceEndsThePassWhereTheLowBandSettles) {
  for (const auto result : {IntermediateResult::partial, IntermediateResult::prediction}) {
    FreeInitOptions options = early(result, {});
    options.intermediate.pass_tolerance = 0.5;
    const FreeInitResult adaptive = run(options);
    const std::int64_t calls = adaptive.calls_per_pass.front();
    EXPECT_GT(calls, 1);
    EXPECT_LT(calls, kSteps);
    options.num_iters = 2;
    EXPECT_TRUE(run(options).latents.equal(run(early(result, calls, 2)).latents));
    options.intermediate.pass_tolerance = 1e9;  // two predictions are the least one can compare
    EXPECT_EQ(run(options).calls_per_pass, (Calls{2, 8}));
    options.intermediate.pass_tolerance = 0.0;
    EXPECT_EQ(run(options).calls_per_pass, (Calls{8, 8}));
    options.intermediate.steps = 3;  // whatever comes first
    EXPECT_EQ(run(options).calls_per_pass, (Calls{3, 8}));
  }
}

TEST(EarlyPasses, AToleranceEndsTheIteration) {
  FreeInitOptions options{.num_iters = 5};
  options.tolerance = 1e9;  // the first re-initialisation is close enough already
  const FreeInitResult result = run(options);
  EXPECT_TRUE(result.converged);
  EXPECT_FALSE(result.cancelled);
  EXPECT_EQ(result.completed_passes, 2);
  EXPECT_EQ(result.calls_per_pass, (Calls{8, 8}));
  EXPECT_EQ(result.calls_saved, 24);
  EXPECT_TRUE(result.latents.equal(run({.num_iters = 2}).latents));
  options.tolerance = 0.0;
  EXPECT_EQ(run(options).completed_passes, 5);
  EXPECT_FALSE(run(options).converged);
  // A filter that keeps nothing says nothing about convergence.
  options.tolerance = 1e9;
  options.filter.spatial_stop_frequency = 0.0;
  EXPECT_FALSE(run(options).converged);
}

TEST(EarlyPasses, ABudgetOfCallsIsNeverExceeded) {
  for (const auto result :
       {IntermediateResult::full, IntermediateResult::partial, IntermediateResult::prediction}) {
    for (std::int64_t calls = kSteps; calls <= 5 * kSteps; ++calls) {
      FreeInitOptions options{.num_iters = 4};
      if (result != IntermediateResult::full) options = early(result, 3, 4);
      options.budget.calls = calls;
      const FreeInitResult spent = run(options);
      EXPECT_LE(spent.denoiser_calls, calls);
      EXPECT_EQ(spent.calls_per_pass.back(), kSteps) << "the last pass runs whole";
      Calls planned;
      for (const auto most : freeinit::max_calls_per_pass(options, scheduler(), kSteps)) {
        if (most > 0) planned.push_back(most);
      }
      EXPECT_EQ(spent.calls_per_pass, planned);
      if (result != IntermediateResult::full) {
        EXPECT_EQ(spent.denoiser_calls, std::min<std::int64_t>(calls, 3 * 3 + kSteps));
      }
    }
  }
  FreeInitOptions small;
  small.budget.calls = kSteps - 1;
  EXPECT_ERROR(invalid_argument, "expected at least 8", run(small));
}

/// A clock that every denoiser call moves on by one second.
struct CallClock {
  double now = 100.0;
  freeinit::Denoiser denoiser = [this](const at::Tensor& latents, double timestep) {
    now += 1.0;
    return denoise(latents, timestep);
  };
};

TEST(EarlyPasses, ABudgetOfSecondsIsKeptByForecast) {
  for (const auto result :
       {IntermediateResult::full, IntermediateResult::partial, IntermediateResult::prediction}) {
    for (const double seconds : {9.0, 11.5, 16.0, 20.0, 40.0}) {
      CallClock clock;
      FreeInitOptions options{.num_iters = 4};
      if (result != IntermediateResult::full) options = early(result, 3, 4);
      options.budget.seconds = seconds;
      options.budget.clock = [&] { return clock.now; };
      const FreeInitResult spent = run(options, {}, clock.denoiser);
      EXPECT_LE(clock.now - 100.0, seconds);
      EXPECT_FALSE(spent.cancelled);
      EXPECT_EQ(spent.calls_per_pass.back(), kSteps);
    }
  }
  // Too short for anything: the last pass alone, or one call before it.
  CallClock clock;
  FreeInitOptions options;
  options.budget.seconds = 0.5;
  options.budget.clock = [&] { return clock.now; };
  EXPECT_EQ(run(options, {}, clock.denoiser).calls_per_pass, (Calls{8}));
  options.intermediate = {.result = IntermediateResult::prediction, .steps = 3};
  EXPECT_EQ(run(options, {}, clock.denoiser).calls_per_pass, (Calls{1, 8}));
}

TEST(EarlyPasses, ProgressGrowsToItsTotal) {
  FreeInitOptions adaptive = early(IntermediateResult::prediction, {}, 4);
  adaptive.intermediate.pass_tolerance = 0.5;
  adaptive.tolerance = 0.2;
  FreeInitOptions cut{.num_iters = 4};
  cut.budget.calls = 20;
  for (const FreeInitOptions& options :
       {FreeInitOptions{}, early(IntermediateResult::partial, 2), adaptive, cut}) {
    std::vector<freeinit::Progress> seen;
    freeinit::RunControl control;
    control.progress = [&](const freeinit::Progress& progress) { seen.push_back(progress); };
    const FreeInitResult result = run(options, control);
    for (std::size_t i = 1; i < seen.size(); ++i) {
      EXPECT_GE(seen[i].calls, seen[i - 1].calls);
      EXPECT_LE(seen[i].planned_calls, seen[i - 1].planned_calls) << "the plan only shrinks";
      EXPECT_LE(seen[i].num_passes, seen[i - 1].num_passes);
      EXPECT_LE(seen[i].step, seen[i].num_steps);
      if (seen[i].pass > seen[i - 1].pass) {
        EXPECT_EQ(seen[i - 1].step, seen[i - 1].num_steps) << "a pass ends at its total";
      }
    }
    EXPECT_EQ(seen.back().calls, result.denoiser_calls);
    EXPECT_EQ(seen.back().planned_calls, result.denoiser_calls);
    EXPECT_EQ(seen.back().pass + 1, seen.back().num_passes);
    EXPECT_EQ(seen.back().num_passes, result.completed_passes);
  }
}

// After a stop there is something to look at: the clean prediction, never a noisy state.
TEST(EarlyPasses, AStopReturnsTheCleanPredictionOfTheLastCompletePass) {
  const FreeInitOptions options = early(IntermediateResult::partial, 2);
  std::vector<at::Tensor> passes;
  std::stop_source stop;
  freeinit::RunControl control;
  control.stop = stop.get_token();
  freeinit::NoiseSource noise(std::uint64_t{1});
  int calls = 0;
  const FreeInitResult result = freeinit::free_init(
      [&](const at::Tensor& latents, double t) {
        if (++calls == 3) stop.request_stop();
        return denoise(latents, t);
      },
      scheduler(), kShape, options,
      {.num_inference_steps = kSteps,
       .eta = 0.0,
       .initial_noise = {},
       .on_pass = [&](int, const at::Tensor& latents) { passes.push_back(latents); }},
      noise, at::kFloat, at::kCPU, control);
  EXPECT_TRUE(result.cancelled);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(result.completed_passes, 1);
  EXPECT_EQ(result.calls_per_pass, (Calls{2}));
  ASSERT_EQ(passes.size(), 1U);
  EXPECT_TRUE(result.latents.equal(passes[0]));

  // The same call in a run that asks for its prediction.
  freeinit::NoiseSource again(std::uint64_t{1});
  at::Tensor first;
  (void)freeinit::free_init(denoise, scheduler(), kShape, early(IntermediateResult::prediction, 2),
                            {.num_inference_steps = kSteps,
                             .eta = 0.0,
                             .initial_noise = {},
                             .on_pass =
                                 [&](int pass, const at::Tensor& latents) {
                                   if (pass == 0) first = latents;
                                 }},
                            again);
  EXPECT_TRUE(result.latents.equal(first));
}

TEST(EarlyPasses, FreqPriorDrawsFourTensorsAPass) {
  FreeInitOptions options{.num_iters = 2};
  options.mix.method = freeinit::MixMethod::freqprior;
  freeinit::NoiseSource noise(std::uint64_t{1});
  (void)freeinit::free_init(denoise, scheduler(), kShape, options, {.num_inference_steps = kSteps},
                            noise);
  freeinit::NoiseSource expected(std::uint64_t{1});
  for (int i = 0; i < 1 + 4; ++i) (void)expected.draw(kShape.sizes());
  EXPECT_TRUE(noise.draw({3, 3}).equal(expected.draw({3, 3})));
}

TEST(EarlyPasses, AMaskOfYourOwnReplacesTheFilter) {
  FreeInitOptions by_mask{.num_iters = 2};
  by_mask.filter_mask = freeinit::frequency_filter_mask(by_mask.filter, 4, 4, 6);
  EXPECT_TRUE(run(by_mask).latents.equal(run({.num_iters = 2}).latents));
  by_mask.filter_mask = at::ones({4, 4, 6});  // keeps everything: no fresh noise is left
  const at::Tensor kept = run(by_mask).latents;
  EXPECT_GT(golden::difference(kept, run({.num_iters = 2}).latents), 0.0);
  by_mask.filter_mask = at::ones({4, 4, 5});
  EXPECT_ERROR(invalid_argument, "filter mask '[4, 4, 5]'", run(by_mask));
  by_mask.filter_schedule = {{}};
  EXPECT_ERROR(invalid_argument, "filter schedule", run(by_mask));
}

TEST(EarlyPasses, ScheduledFiltersTakeTheirTurn) {
  const freeinit::FrequencyFilterOptions wide{freeinit::FilterMethod::gaussian, 4.0, 0.6, 0.6};
  FreeInitOptions options{.num_iters = 4};
  options.filter_schedule = {{}, wide};
  FreeInitOptions longer = options;
  longer.filter_schedule = {{}, wide, wide};  // the last entry stays
  EXPECT_TRUE(run(options).latents.equal(run(longer).latents));
  longer.filter_schedule = {wide, {}};
  EXPECT_FALSE(run(options).latents.equal(run(longer).latents));
}

// Nothing but the two tolerances and the budget of seconds makes the host wait.
TEST(EarlyPasses, OnADeviceOnlyTolerancesReadNumbers) {
  using simulated_device::Traffic;
  const at::Device device = simulated_device::device();
  const auto traffic = [&](const FreeInitOptions& options) {
    const simulated_device::TrafficMeter meter;
    const at::Tensor latents = run(options, {}, denoise, device).latents;
    const Traffic seen = meter.read();
    EXPECT_TRUE(latents.to(at::kCPU).equal(run(options).latents));
    return seen;
  };
  // First noise, mask, fresh noise of passes 2 and 3.
  EXPECT_EQ(traffic(early(IntermediateResult::partial, 2)), (Traffic{4, 0, 0}));
  EXPECT_EQ(traffic(early(IntermediateResult::prediction, 2)), (Traffic{4, 0, 0}));
  FreeInitOptions adaptive = early(IntermediateResult::prediction, 4);
  adaptive.intermediate.pass_tolerance = 0.0;
  EXPECT_EQ(traffic(adaptive), (Traffic{4, 0, 2 * 2})) << "calls 2 and 3 of two passes";
  FreeInitOptions iteration{.num_iters = 4};
  iteration.tolerance = 0.0;
  EXPECT_EQ(traffic(iteration), (Traffic{5, 0, 2})) << "before passes 2 and 3 of 4";
}

TEST(EarlyPasses, RefusesSettingsThatContradictEachOther) {
  EXPECT_ERROR(invalid_argument, "nothing says where",
               run(early(IntermediateResult::prediction, {})));
  EXPECT_ERROR(invalid_argument, "runs to its end", run(early(IntermediateResult::full, 2)));
  EXPECT_ERROR(invalid_argument, "more than a pass has",
               run(early(IntermediateResult::partial, kSteps + 1)));
  EXPECT_ERROR(invalid_argument, "intermediate steps '0'",
               run(early(IntermediateResult::partial, 0)));
  FreeInitOptions options = early(IntermediateResult::partial, {});
  options.intermediate.stop_timestep = 875;
  EXPECT_ERROR(invalid_argument, "expected at most 874", run(options));
  options.intermediate.stop_timestep = -1;
  EXPECT_ERROR(invalid_argument, "stop timestep '-1'", run(options));
  options = early(IntermediateResult::prediction, 2);
  options.fast_sampling = true;
  options.intermediate.num_inference_steps = 4;
  EXPECT_ERROR(invalid_argument, "fast sampling", run(options));
  options = {};
  options.tolerance = -0.1;
  EXPECT_ERROR(invalid_argument, "tolerance '-0.1'", run(options));
  options = {};
  options.budget.seconds = 0.0;
  EXPECT_ERROR(invalid_argument, "budget of seconds", run(options));
  options = {};
  options.mix.ratio = 2.0;
  EXPECT_ERROR(invalid_argument, "mix ratio", run(options));
  EXPECT_ERROR(invalid_argument, "full, partial, prediction",
               freeinit::intermediate_result_from_string("short"));
}

}  // namespace
}  // namespace early_passes_run_test
