// Where intermediate passes end: chosen steps, a budget; what is reported and refused.

#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

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

const freeinit::NoiseSchedule& schedule() {
  static const freeinit::NoiseSchedule instance{freeinit::SamplerConfig{}};
  return instance;
}

/// Its clean prediction moves less from call to call, as a network's does.
at::Tensor denoise(const at::Tensor& latents, double) {
  return latents.mul(0.9);
}

freeinit::FreeInitSettings settings_of(const FreeInitOptions& options,
                                       at::Device device = at::kCPU) {
  return {.shape = kShape, .options = options, .num_inference_steps = kSteps, .device = device};
}

FreeInitResult run(const FreeInitOptions& options, const freeinit::RunControl& control = {},
                   at::Device device = at::kCPU) {
  return freeinit::free_init(denoise, schedule(), settings_of(options, device),
                             freeinit::NoiseSource(1), control);
}

FreeInitOptions early(IntermediateResult result, std::optional<std::int64_t> steps,
                      std::int64_t num_iters = 3) {
  FreeInitOptions options{.num_iters = num_iters};
  options.intermediate.result = result;
  options.intermediate.steps = steps;
  return options;
}

Calls planned_calls(const FreeInitOptions& options) {
  Calls calls;
  for (const auto& pass :
       freeinit::plan_passes(options, freeinit::sampler_factory(schedule()), kSteps)) {
    calls.push_back(pass.calls);
  }
  return calls;
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
    EXPECT_EQ(planned_calls(early(result, 2)), (Calls{2, 2, 8}));
  }
}

TEST(EarlyPasses, APartialPassOfAllStepsIsAFullOne) {
  EXPECT_TRUE(run(early(IntermediateResult::partial, kSteps)).latents.equal(run({}).latents));
}

TEST(EarlyPasses, ABudgetOfCallsIsNeverExceeded) {
  for (const auto result :
       {IntermediateResult::full, IntermediateResult::partial, IntermediateResult::prediction}) {
    for (std::int64_t calls = kSteps; calls <= 5 * kSteps; ++calls) {
      FreeInitOptions options{.num_iters = 4};
      if (result != IntermediateResult::full) options = early(result, 3, 4);
      options.budget_calls = calls;
      const FreeInitResult spent = run(options);
      EXPECT_LE(spent.denoiser_calls, calls);
      EXPECT_EQ(spent.calls_per_pass.back(), kSteps) << "the last pass runs whole";
      EXPECT_EQ(spent.calls_per_pass, planned_calls(options));
      if (result != IntermediateResult::full) {
        EXPECT_EQ(spent.denoiser_calls, std::min<std::int64_t>(calls, 3 * 3 + kSteps));
      }
    }
  }
  FreeInitOptions small;
  small.budget_calls = kSteps - 1;
  EXPECT_ERROR(invalid_argument, "expected at least 8", run(small));
}

TEST(EarlyPasses, ProgressGrowsToItsTotal) {
  FreeInitOptions cut{.num_iters = 4};
  cut.budget_calls = 20;
  for (const FreeInitOptions& options :
       {FreeInitOptions{}, early(IntermediateResult::partial, 2), cut}) {
    std::vector<freeinit::Progress> seen;
    freeinit::RunControl control;
    control.progress = [&](const freeinit::Progress& progress) { seen.push_back(progress); };
    const FreeInitResult result = run(options, control);
    for (std::size_t i = 1; i < seen.size(); ++i) {
      EXPECT_GE(seen[i].calls, seen[i - 1].calls);
      EXPECT_EQ(seen[i].planned_calls, result.denoiser_calls) << "all is known beforehand";
      EXPECT_EQ(seen[i].num_passes, result.completed_passes);
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
  freeinit::RunHooks hooks;
  hooks.on_pass = [&](const freeinit::RunPoint&, const at::Tensor& latents) {
    passes.push_back(latents);
  };
  int calls = 0;
  const FreeInitResult result = freeinit::free_init(
      [&](const at::Tensor& latents, double t) {
        if (++calls == 3) stop.request_stop();
        return denoise(latents, t);
      },
      schedule(), settings_of(options), freeinit::NoiseSource(1), control, hooks);
  EXPECT_TRUE(result.cancelled);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(result.completed_passes, 1);
  EXPECT_EQ(result.calls_per_pass, (Calls{2}));
  ASSERT_EQ(passes.size(), 1U);
  EXPECT_TRUE(result.latents.equal(passes[0]));

  // The same call in a run that asks for its prediction.
  at::Tensor first;
  hooks.on_pass = [&](const freeinit::RunPoint& at, const at::Tensor& latents) {
    if (at.pass == 0) first = latents;
  };
  (void)freeinit::free_init(denoise, schedule(),
                            settings_of(early(IntermediateResult::prediction, 2)),
                            freeinit::NoiseSource(1), {}, hooks);
  EXPECT_TRUE(result.latents.equal(first));
}

TEST(EarlyPasses, FreqPriorDrawsFourTensorsAPass) {
  FreeInitOptions options{.num_iters = 2};
  options.mix.method = freeinit::MixMethod::freqprior;
  const freeinit::FreeInit passes(schedule(), settings_of(options));
  auto state = passes.begin(freeinit::NoiseSource(1));
  while (!passes.is_done(state)) passes.advance(state, denoise);
  freeinit::NoiseSource expected(std::uint64_t{1});
  for (int i = 0; i < 1 + 4; ++i) (void)expected.draw(kShape.sizes());
  EXPECT_TRUE(state.noise.draw({3, 3}).equal(expected.draw({3, 3})));
}

TEST(EarlyPasses, ScheduledFiltersTakeTheirTurn) {
  const freeinit::FrequencyFilterOptions wide{freeinit::FilterMethod::gaussian, 4.0, 0.6, 0.6};
  FreeInitOptions options{.num_iters = 4};
  options.filters = {{}, wide};
  FreeInitOptions longer = options;
  longer.filters = {{}, wide, wide};  // the last entry stays
  EXPECT_TRUE(run(options).latents.equal(run(longer).latents));
  longer.filters = {wide, {}};
  EXPECT_FALSE(run(options).latents.equal(run(longer).latents));
}

TEST(EarlyPasses, AMaskOfYourOwnReplacesTheFilters) {
  const auto with_mask = [](const at::Tensor& mask) {
    auto settings = settings_of({.num_iters = 2});
    settings.reinitializers.emplace_back(mask);
    return freeinit::free_init(denoise, schedule(), settings, freeinit::NoiseSource(1)).latents;
  };
  const at::Tensor filtered = run({.num_iters = 2}).latents;
  EXPECT_TRUE(with_mask(freeinit::frequency_filter_mask({}, 4, 4, 6)).equal(filtered));
  // Keeps everything: no fresh noise is left.
  EXPECT_GT(golden::difference(with_mask(at::ones({4, 4, 6})), filtered), 0.0);
  EXPECT_ERROR(invalid_argument, "wrong shape", with_mask(at::ones({4, 4, 5})));
}

TEST(EarlyPasses, OnADeviceNothingButOneNumberAPassComesBack) {
  using simulated_device::Traffic;
  for (const auto result : {IntermediateResult::partial, IntermediateResult::prediction}) {
    const simulated_device::TrafficMeter meter;
    const at::Tensor latents = run(early(result, 2), {}, simulated_device::device()).latents;
    // First noise, mask, fresh noise of passes 2 and 3; whether each pass is finite.
    EXPECT_EQ(meter.read(), (Traffic{4, 0, 3}));
    EXPECT_TRUE(latents.to(at::kCPU).equal(run(early(result, 2)).latents));
  }
}

TEST(EarlyPasses, RefusesSettingsThatContradictEachOther) {
  EXPECT_ERROR(invalid_argument, "nothing says where",
               run(early(IntermediateResult::prediction, {})));
  EXPECT_ERROR(invalid_argument, "runs to its end", run(early(IntermediateResult::full, 2)));
  EXPECT_ERROR(invalid_argument, "more than a pass has",
               run(early(IntermediateResult::partial, kSteps + 1)));
  EXPECT_ERROR(invalid_argument, "intermediate steps '0'",
               run(early(IntermediateResult::partial, 0)));
  FreeInitOptions options;
  options.mix.ratio = 2.0;
  EXPECT_ERROR(invalid_argument, "mix ratio", run(options));
  EXPECT_ERROR(invalid_argument, "full, partial, prediction",
               freeinit::intermediate_result_from_string("short"));
}

}  // namespace
}  // namespace early_passes_run_test
