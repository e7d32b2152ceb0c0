#include <freeinit/sampling/inversion.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "sampling/ddim_cases.hpp"
#include "support/error_of.hpp"
#include "support/golden.hpp"
#include "support/sampler_steps.hpp"

namespace sampler_test {
namespace {

using ddim_cases::randn;
using freeinit::NoiseSchedule;

constexpr std::int64_t kShape[] = {1, 2, 3, 4, 4};

TEST(SamplerTable, FindsBothNamesOfEachRow) {
  std::set<std::string_view> names;
  for (const auto& row : freeinit::sampler_table()) {
    EXPECT_TRUE(names.insert(row.name).second && names.insert(row.class_name).second);
    EXPECT_EQ(&freeinit::find_sampler(row.name), &freeinit::find_sampler(row.class_name));
  }
  EXPECT_EQ(freeinit::find_sampler("DDIMScheduler").name, "ddim");
  EXPECT_ERROR(invalid_argument, "sampler 'Ddim': unknown; expected one of ddim, pndm, euler",
               freeinit::find_sampler("Ddim"));
  EXPECT_ERROR(invalid_argument, "'DEISMultistepScheduler'",
               freeinit::make_sampler(NoiseSchedule({.sampler = "DEISMultistepScheduler"}), 5));
}

TEST(SamplerTable, AnotherSamplerKeepsTheModelAndDropsWhatIsTheFormerOnesOwn) {
  freeinit::SamplerConfig model{.beta_start = 0.00085,
                                .beta_end = 0.012,
                                .beta_schedule = freeinit::BetaSchedule::scaled_linear,
                                .clip_sample = false,
                                .set_alpha_to_one = false,
                                .steps_offset = 1,
                                .prediction_type = freeinit::PredictionType::v_prediction,
                                .timestep_spacing = freeinit::TimestepSpacing::trailing};
  freeinit::SamplerConfig own = model;
  own.sampler = "dpmsolver++";
  own.thresholding = true;
  own.sigma_spacing = freeinit::SigmaSpacing::karras;
  own.solver_order = 3;
  own.solver_type = freeinit::SolverType::heun;
  own.euler_at_final = true;
  EXPECT_EQ(freeinit::with_sampler(own, "DPMSolverMultistepScheduler"), own);
  for (const auto& row : freeinit::sampler_table()) {
    if (row.name == own.sampler) continue;
    model.sampler = row.name;
    EXPECT_EQ(freeinit::with_sampler(own, row.class_name), model) << row.name;
    EXPECT_NO_THROW((void)freeinit::make_sampler(NoiseSchedule(model), 5)) << row.name;
  }
}

TEST(SamplerTable, SaysWhichSamplersUseEta) {
  const at::Tensor latents = randn(1, kShape);
  const at::Tensor output = randn(2, kShape);
  for (const auto& row : freeinit::sampler_table()) {
    const NoiseSchedule schedule({.sampler = std::string(row.name)});
    const auto step = [&](double eta) {
      freeinit::NoiseSource noise(std::uint64_t{3});
      const auto sampler = freeinit::make_sampler(schedule, 5, eta);
      return stepped(*sampler, 0, output, latents, noise);
    };
    EXPECT_EQ(!step(0.0).equal(step(0.9)), row.uses_eta) << row.name;
  }
}

TEST(Sampler, StartsAtAStrength) {
  const NoiseSchedule schedule({.set_alpha_to_one = false, .steps_offset = 1});
  const auto sampler = freeinit::make_sampler(schedule, 10);
  const at::Tensor clean = randn(1, kShape);
  const at::Tensor noise = randn(2, kShape);
  for (const std::int64_t index : {0, 4, 9}) {
    const auto state = sampler->start_at(index, clean, noise);
    const auto timestep =
        static_cast<std::int64_t>(sampler->timesteps()[static_cast<std::size_t>(index)]);
    EXPECT_EQ(state.index, index);
    EXPECT_TRUE(state.latents.equal(schedule.add_noise(clean, noise, timestep))) << index;
  }
  EXPECT_ERROR(invalid_argument, "step index '10'", sampler->start_at(10, clean, noise));
  EXPECT_ERROR(invalid_argument, "step index '-1'", sampler->start_at(-1, clean, noise));
  EXPECT_ERROR(invalid_argument, "noise", sampler->start_at(0, clean, noise[0]));
}

TEST(SamplerTable, RefusesSettingsThatTheSamplerDoesNotKnow) {
  const auto refused = [](freeinit::SamplerConfig config) {
    return std::string(
        error_of([&] { (void)freeinit::make_sampler(NoiseSchedule(config), 5); }).what());
  };
  EXPECT_EQ(refused({.sigma_spacing = freeinit::SigmaSpacing::karras}),
            "sigma spacing 'karras': not known to sampler 'ddim'; expected its default");
  for (const auto& row : freeinit::sampler_table()) {
    const std::string name(row.name);
    const auto expect = [&](const char* setting, freeinit::SamplerConfig config) {
      config.sampler = name;
      EXPECT_NE(refused(config).find(setting), std::string::npos) << name << " " << setting;
    };
    if (name != "ddim") expect("always_draw_noise", {.always_draw_noise = true});
    if (name != "lcm" && name != "tcd") {
      expect("original_inference_steps", {.original_inference_steps = 20});
    }
    if (name != "unipc") expect("predict_x0", {.predict_x0 = false});
    if (name != "dpmsolver++") expect("euler_at_final", {.euler_at_final = true});
    if (name != "dpmsolver++" && name != "unipc") expect("solver_order", {.solver_order = 3});
  }
  EXPECT_NE(refused({.sampler = "unipc", .solver_type = freeinit::SolverType::heun})
                .find("expected bh1 or bh2"),
            std::string::npos);
  EXPECT_NE(refused({.sampler = "lcm", .original_inference_steps = 4}).find("1 to 4"),
            std::string::npos);
  EXPECT_NE(refused({.sampler = "pndm", .prediction_type = freeinit::PredictionType::sample})
                .find("not known to PNDM"),
            std::string::npos);
}

// A network that knows the clean sample leads every sampler back to it from any step: no method
// needs the steps before. Of two calls at one timestep the first belongs to the step before.
TEST(Sampler, StartsAnywhere) {
  const at::Tensor clean = randn(1, kShape);
  const at::Tensor unit = randn(2, kShape);
  for (const auto& row : freeinit::sampler_table()) {
    const NoiseSchedule schedule({.sampler = std::string(row.name),
                                  .clip_sample = false,
                                  .prediction_type = freeinit::PredictionType::v_prediction});
    const auto sampler = freeinit::make_sampler(schedule, 25);
    const auto count = static_cast<std::int64_t>(sampler->timesteps().size());
    for (std::int64_t index = 0; index < count; ++index) {
      freeinit::NoiseSource noise(std::uint64_t{3});
      freeinit::SamplerState state = sampler->start_at(index, clean, unit);
      EXPECT_EQ(sampler->timesteps()[static_cast<std::size_t>(state.index)],
                sampler->timesteps()[static_cast<std::size_t>(index)]);
      while (state.index < count) {
        const double alpha = sampler->level(state.index).alpha;
        const at::Tensor input = sampler->scale_model_input(state);
        const at::Tensor v = input.mul(std::sqrt(alpha)).sub(clean).div(std::sqrt(1.0 - alpha));
        EXPECT_LT(golden::difference(sampler->pred_original_sample(state, v), clean), 1e-3);
        sampler->step(state, v, noise);
      }
      // PNDM extrapolates the noise, which is not the same at every step.
      const double bound = row.name == "pndm" ? 0.25 : 0.05;
      EXPECT_LT(golden::difference(state.latents, clean), bound) << row.name << " " << index;
    }
  }
}

TEST(NoiseSchedule, SigmasAreNoisePerSignal) {
  const NoiseSchedule schedule({});
  const auto sigmas = schedule.sigmas();
  ASSERT_EQ(sigmas.size(), 1000U);
  const double alpha = schedule.alphas_cumprod()[999];
  EXPECT_NEAR(sigmas[999], std::sqrt((1.0 - alpha) / alpha), 1e-4);
  EXPECT_EQ(schedule.last_timestep(), 999);
  EXPECT_TRUE(std::isinf(NoiseSchedule({.rescale_betas_zero_snr = true}).sigmas().back()));
}

}  // namespace
}  // namespace sampler_test
