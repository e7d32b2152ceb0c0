#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sampling/ddim_cases.hpp"
#include "support/error_of.hpp"
#include "support/golden.hpp"

namespace euler_golden_test {
namespace {

using ddim_cases::randn;

constexpr std::int64_t kShape[] = {2, 2, 3, 2, 2};
const char* const kFile = "numerics/euler.safetensors";

// As DDIM's: bit-equal on the machine that made the data; other vector units may round otherwise.
constexpr double kRelative = 2e-6;

freeinit::NoiseSchedule schedule_of(const nlohmann::json& row) {
  freeinit::SamplerConfig config = ddim_cases::config_from(row["config"]);
  config.sampler = "EulerDiscreteScheduler";
  return freeinit::NoiseSchedule(config);
}

TEST(EulerGolden, TrajectoriesOverEveryOption) {
  golden::Largest largest("largest_difference");
  int number = 0;
  const auto cases = golden::json("numerics/euler.json")["cases"];
  for (const auto& row : cases) {
    const auto sampler = freeinit::make_sampler(schedule_of(row), row["steps"]);
    const auto timesteps = sampler->timesteps();
    EXPECT_EQ((std::vector<double>{timesteps.begin(), timesteps.end()}),
              row["timesteps"].get<std::vector<double>>())
        << row;
    const auto sigma = row["init_noise_sigma"].get<double>();
    EXPECT_NEAR(sampler->init_noise_sigma(), sigma, kRelative * sigma) << row;
    const at::Tensor pattern = randn(12, kShape);
    freeinit::NoiseSource noise(std::uint64_t{13});
    freeinit::SamplerState state = sampler->start(randn(11, kShape));
    std::vector<at::Tensor> states;
    std::vector<at::Tensor> predictions;
    for (const double t : timesteps) {
      const at::Tensor output = ddim_cases::model(sampler->scale_model_input(state), t, pattern);
      predictions.push_back(sampler->pred_original_sample(state, output));
      sampler->step(state, output, noise);
      states.push_back(state.latents.clone());
    }
    const auto expect = [&](const at::Tensor& ours, const std::string& name) {
      const at::Tensor theirs = golden::tensor(kFile, name + "_" + std::to_string(number));
      EXPECT_LE(largest(golden::relative_difference(ours, theirs)), kRelative) << name << row;
    };
    expect(at::stack(states), "states");
    expect(at::stack(predictions), "predictions");
    const std::int64_t middle = row["steps"].get<std::int64_t>() / 2;
    expect(sampler->start_at(middle, randn(14, kShape), randn(15, kShape)).latents, "started");
    ++number;
  }
  EXPECT_EQ(number, 31);
}

TEST(EulerSettings, RefusesWhatItCannotDo) {
  freeinit::SamplerConfig config{.sampler = "euler",
                                 .timestep_spacing = freeinit::TimestepSpacing::uniform};
  EXPECT_ERROR(invalid_argument, "timestep_spacing 'uniform': not known to sampler 'euler'",
               freeinit::make_sampler(freeinit::NoiseSchedule(config), 5));
  config.timestep_spacing = freeinit::TimestepSpacing::linspace;
  const freeinit::NoiseSchedule schedule(config);
  EXPECT_ERROR(invalid_argument, "expected 1 to 1000", freeinit::make_sampler(schedule, 1001));
  const auto sampler = freeinit::make_sampler(schedule, 3);
  freeinit::NoiseSource noise(std::uint64_t{1});
  const at::Tensor x = randn(1, kShape);
  EXPECT_ERROR(invalid_argument, "model output", (stepped(*sampler, 0, x[0], x, noise)));
  EXPECT_ERROR(invalid_argument, "step index '3'", (stepped(*sampler, 3, x, x, noise)));
}

}  // namespace
}  // namespace euler_golden_test
