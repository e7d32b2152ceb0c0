#include <freeinit/passes/free_init.hpp>
#include <freeinit/passes/real_video_noise.hpp>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/error_of.hpp"

namespace finite_check_test {
namespace {

using freeinit::FreeInitSettings;

const freeinit::NoiseSchedule& schedule() {
  static const freeinit::NoiseSchedule instance{freeinit::SamplerConfig{.clip_sample = false}};
  return instance;
}

/// Halves its input, and in call `call` (from 1) puts `value` at [0,1,2,0,3].
freeinit::Denoiser breaks_in(int call, double value) {
  return [=, calls = 0](const at::Tensor& latents, double) mutable {
    at::Tensor output = latents.mul(0.5);
    if (++calls == call) output[0][1][2][0][3] = value;
    return output;
  };
}

FreeInitSettings settings(bool check_steps = false) {
  return {.shape = {1, 2, 3, 4, 5},
          .options = {.num_iters = 2},
          .num_inference_steps = 4,
          .check_steps = check_steps};
}

void run(const freeinit::Denoiser& denoiser, const FreeInitSettings& settings,
         const freeinit::RunHooks& hooks = {}) {
  (void)freeinit::free_init(denoiser, schedule(), settings, freeinit::NoiseSource(1), {}, hooks);
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(FiniteCheck, APassThatLeavesNaNSaysWhichAndWhere) {
  int passes = 0;
  const freeinit::RunHooks hooks{
      .on_pass = [&](const freeinit::RunPoint&, const at::Tensor&) { ++passes; }};
  EXPECT_ERROR(model,
               "sampling: pass 1, steps 1 to 4: the latents hold NaN, first at [0, 1, 2, 0, 3]; "
               "expected finite numbers",
               (run(breaks_in(2, kNan), settings(), hooks), 0));
  EXPECT_EQ(passes, 0) << "a hook saw what was refused";
  EXPECT_ERROR(model, "pass 2, steps 1 to 4", (run(breaks_in(7, kNan), settings(), hooks), 0));
  EXPECT_EQ(passes, 1);
}

TEST(FiniteCheck, EveryStepIsCheckedOnDemand) {
  EXPECT_ERROR(model,
               "sampling: pass 2, step 3: the network returned NaN, first at [0, 1, 2, 0, 3]",
               (run(breaks_in(7, kNan), settings(true)), 0));
  EXPECT_ERROR(model, "pass 1, step 2: the network returned infinity",
               (run(breaks_in(2, -kInfinity), settings(true)), 0));
  EXPECT_NO_THROW(run(breaks_in(99, kNan), settings(true)));
}

TEST(FiniteCheck, EveryKindOfPassIsChecked) {
  FreeInitSettings early = settings();
  early.options.intermediate = {.result = freeinit::IntermediateResult::prediction, .steps = 2};
  EXPECT_ERROR(model, "pass 1, steps 1 to 2", (run(breaks_in(2, kInfinity), early), 0));
  early.options.intermediate.result = freeinit::IntermediateResult::partial;
  EXPECT_ERROR(model, "pass 1, steps 1 to 2", (run(breaks_in(1, kNan), early), 0));
}

TEST(FiniteCheck, AStateIsCheckedOnDemand) {
  const freeinit::FreeInit run(schedule(), settings());
  const freeinit::Denoiser denoiser = breaks_in(6, kNan);
  freeinit::FreeInitState state = run.begin(freeinit::NoiseSource(1));
  for (int call = 1; call < 6; ++call) run.advance(state, denoiser);
  EXPECT_NO_THROW(run.check_values(state));
  run.advance(state, denoiser);
  EXPECT_ERROR(model,
               "sampling: pass 2, steps 1 to 2: the latents hold NaN, first at [0, 1, 2, 0, 3]",
               (run.check_values(state), 0));
  freeinit::FreeInitState fresh = run.begin(freeinit::NoiseSource(1));
  fresh.first_noise[0][1][2][0][3] = kInfinity;
  EXPECT_ERROR(model, "sampling: before pass 1: the first noise holds infinity",
               (run.check_values(fresh), 0));
}

TEST(FiniteCheck, AnInversionIsCheckedToo) {
  freeinit::NoiseSource noise(std::uint64_t{1});
  const freeinit::RealVideoSettings inversion{.source = freeinit::VideoNoiseSource::invert,
                                              .num_inference_steps = 4,
                                              .denoiser = breaks_in(3, kNan)};
  EXPECT_ERROR(
      model, "inversion: the noise holds NaN, first at [0, 1, 2, 0, 3]",
      freeinit::initial_noise_from_video(at::ones({1, 2, 3, 4, 5}), schedule(), inversion, noise));
}

}  // namespace
}  // namespace finite_check_test
