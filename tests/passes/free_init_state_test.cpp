// A run is a value: stopped after any call, copied and gone on with, it makes the same bits.

#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <vector>

namespace free_init_state_test {
namespace {

using freeinit::FreeInit;
using freeinit::FreeInitSettings;
using freeinit::FreeInitState;
using freeinit::IntermediateResult;
using freeinit::MixMethod;

static_assert(!std::is_copy_constructible_v<FreeInitState>, "a copy would share memory");
static_assert(!std::is_copy_constructible_v<freeinit::SamplerState>);
static_assert(!std::is_constructible_v<FreeInit, freeinit::NoiseSchedule, FreeInitSettings>,
              "the schedule must outlive the run");

const freeinit::NoiseSchedule& schedule() {
  static const freeinit::NoiseSchedule instance({.clip_sample = false});
  return instance;
}

std::vector<freeinit::NoiseSchedule> schedules_of_every_sampler() {
  std::vector<freeinit::NoiseSchedule> schedules;
  for (const auto& row : freeinit::sampler_table()) {
    schedules.emplace_back(
        freeinit::SamplerConfig{.sampler = std::string(row.name), .clip_sample = false});
  }
  return schedules;
}

at::Tensor denoise(const at::Tensor& latents, double timestep) {
  return latents.mul(0.8).add(timestep * 1e-4);
}

/// With each result of the first passes and each mix of noise.
void add_kinds(const FreeInitSettings& base, std::vector<FreeInitSettings>& kinds) {
  for (const auto mix :
       {MixMethod::freeinit, MixMethod::variance_preserving, MixMethod::freqprior}) {
    for (const auto result :
         {IntermediateResult::full, IntermediateResult::partial, IntermediateResult::prediction}) {
      FreeInitSettings settings = base;
      settings.options.mix.method = mix;
      settings.options.intermediate.result = result;
      if (result != IntermediateResult::full) settings.options.intermediate.steps = 2;
      kinds.push_back(settings);
    }
  }
}

std::vector<FreeInitSettings> kinds_of_runs() {
  std::vector<FreeInitSettings> kinds;
  for (const double eta : {0.0, 0.6}) {
    FreeInitSettings settings{.shape = {2, 2, 3, 4, 6}, .num_inference_steps = 4, .eta = eta};
    add_kinds(settings, kinds);
    settings.initial_sample = freeinit::NoiseSource(9).draw(settings.shape.sizes());
    settings.strength = 0.75;
    add_kinds(settings, kinds);
  }
  return kinds;
}

FreeInitState begin(const FreeInit& run) {
  return run.begin(freeinit::NoiseSource(std::vector<std::uint64_t>{5, 6}));
}

at::Tensor finish(const FreeInit& run, FreeInitState& state) {
  while (!run.is_done(state)) run.advance(state, denoise);
  return run.result(state).latents;
}

TEST(FreeInitState, ACopyAfterAnyCallGoesOnToTheSameBits) {
  for (const auto& sampled : schedules_of_every_sampler()) {
    for (const FreeInitSettings& settings : kinds_of_runs()) {
      const FreeInit run(sampled, settings);
      FreeInitState uninterrupted = begin(run);
      const at::Tensor expected = finish(run, uninterrupted);
      const std::int64_t calls = uninterrupted.calls;
      FreeInitState state = begin(run);
      for (std::int64_t call = 0; call <= calls; ++call) {
        FreeInitState copy = state.clone();
        EXPECT_TRUE(finish(run, copy).equal(expected)) << "after call " << call;
        EXPECT_EQ(copy.calls, calls);
        EXPECT_EQ(copy.calls_per_pass, uninterrupted.calls_per_pass);
        run.advance(state, denoise);
      }
      EXPECT_TRUE(run.result(state).latents.equal(expected)) << "the copies changed the original";
    }
  }
}

TEST(FreeInitState, OneCallAtATime) {
  const FreeInit run(schedule(), {.shape = {1, 2, 3, 4, 6}, .num_inference_steps = 4});
  FreeInitState state = run.begin(freeinit::NoiseSource(1));
  int calls = 0;
  const freeinit::Denoiser counting = [&](const at::Tensor& latents, double timestep) {
    ++calls;
    return denoise(latents, timestep);
  };
  while (!run.is_done(state)) {
    const int before = calls;
    run.advance(state, counting);
    EXPECT_EQ(calls, before + 1);
    EXPECT_EQ(state.calls, calls);
  }
  EXPECT_EQ(calls, 12);
  run.advance(state, counting);  // nothing is left to do
  EXPECT_EQ(calls, 12);
}

TEST(FreeInitState, AStoppedRunAdvancesNoFurther) {
  const FreeInit run(schedule(), {.shape = {1, 2, 3, 4, 6}, .num_inference_steps = 4});
  FreeInitState state = run.begin(freeinit::NoiseSource(1));
  std::stop_source stop;
  stop.request_stop();
  freeinit::RunControl control;
  control.stop = stop.get_token();
  run.advance(state, denoise, control);
  EXPECT_EQ(state.calls, 0);
  run.advance(state, denoise);
  EXPECT_EQ(state.calls, 1);
}

// One object serves many runs.
TEST(FreeInitState, RunsShareNothing) {
  const FreeInit run(schedule(), {.shape = {1, 2, 3, 4, 6}, .num_inference_steps = 3});
  FreeInitState one = run.begin(freeinit::NoiseSource(1));
  FreeInitState other = run.begin(freeinit::NoiseSource(2));
  FreeInitState alone = run.begin(freeinit::NoiseSource(1));
  const at::Tensor expected = finish(run, alone);
  while (!run.is_done(one)) {
    run.advance(one, denoise);
    run.advance(other, denoise);
  }
  EXPECT_TRUE(run.result(one).latents.equal(expected));
  EXPECT_FALSE(run.result(other).latents.equal(expected));
}

}  // namespace
}  // namespace free_init_state_test
