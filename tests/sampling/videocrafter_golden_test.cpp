#include <freeinit/sampling/sampler_table.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sampling/ddim_cases.hpp"
#include "support/error_of.hpp"
#include "support/golden.hpp"
#include "support/sampler_steps.hpp"

namespace videocrafter_golden_test {
namespace {

using ddim_cases::randn;
using freeinit::NoiseSchedule;

constexpr std::int64_t kShape[] = {2, 2, 3, 2, 2};
const char* const kFile = "numerics/videocrafter.safetensors";

// The data is in double with double betas; the library works in float32 from float32 betas, whose
// products differ by up to 9.5e-7. Eight steps amplify that.
constexpr double kRelative = 2e-5;

const nlohmann::json& cases() {
  static const nlohmann::json content = golden::json("numerics/videocrafter.json");
  return content;
}

freeinit::SamplerConfig config(bool rescaled) {
  freeinit::SamplerConfig config{.beta_start = 0.00085,
                                 .beta_end = 0.012,
                                 .beta_schedule = freeinit::BetaSchedule::scaled_linear,
                                 .clip_sample = false,
                                 .set_alpha_to_one = false,
                                 .steps_offset = 1,
                                 .timestep_spacing = freeinit::TimestepSpacing::uniform,
                                 .always_draw_noise = true};
  if (rescaled) {
    const at::Tensor table = golden::tensor(kFile, "dynamic_rescale");
    const float* const values = table.const_data_ptr<float>();
    config.dynamic_rescale.assign(values, values + table.numel());
  }
  return config;
}

TEST(VideoCrafterGolden, Trajectories) {
  golden::Largest largest("largest_difference");
  int number = 0;
  for (const auto& row : cases()["trajectories"]) {
    freeinit::SamplerConfig settings = config(row["rescaled"]);
    settings.prediction_type =
        freeinit::prediction_type_from_string(row["prediction_type"].get<std::string>());
    const auto trajectory =
        freeinit::make_sampler(freeinit::NoiseSchedule(settings), row["steps"], row["eta"]);
    const auto timesteps = ddim_cases::timesteps_of(*trajectory);
    EXPECT_EQ(timesteps, row["timesteps"].get<std::vector<std::int64_t>>());
    freeinit::NoiseSource noise(std::uint64_t{13});
    const at::Tensor states = ddim_cases::states_of(*trajectory, randn(11, kShape), noise);
    const at::Tensor expected = golden::tensor(kFile, "trajectory_" + std::to_string(number++));
    EXPECT_LE(largest(golden::relative_difference(states, expected)), kRelative) << row;
    // Noise was drawn in every step, with eta 0 as well: the next draw is the same.
    freeinit::NoiseSource other(std::uint64_t{13});
    for (std::size_t i = 0; i < timesteps.size(); ++i) static_cast<void>(other.draw(kShape));
    EXPECT_TRUE(noise.draw(kShape).equal(other.draw(kShape))) << row;
  }
  EXPECT_EQ(number, 16);
}

TEST(VideoCrafterGolden, AddNoise) {
  int number = 0;
  for (const auto& row : cases()["noised"]) {
    const at::Tensor ours = freeinit::NoiseSchedule(config(row["rescaled"]))
                                .add_noise(randn(14, kShape), randn(15, kShape), row["timestep"]);
    const at::Tensor expected = golden::tensor(kFile, "noised_" + std::to_string(number++));
    EXPECT_LE(golden::difference(ours, expected), 2e-6) << row;
  }
  EXPECT_EQ(number, 6);
}

TEST(VideoCrafterGolden, NumberOfSteps) {
  const NoiseSchedule scheduler(config(false));
  for (const auto& row : cases()["grids"]) {
    const std::int64_t steps = row["steps"];
    if (row["first"].get<std::int64_t>() >= 1000) {  // where the original reads behind its table
      EXPECT_ERROR(invalid_argument, "the first timestep would be 1000",
                   freeinit::make_sampler(scheduler, steps));
      continue;
    }
    const auto trajectory = freeinit::make_sampler(scheduler, steps);
    EXPECT_EQ(trajectory->timesteps().size(), row["count"].get<std::size_t>()) << row;
    EXPECT_EQ(trajectory->timesteps().front(), row["first"].get<std::int64_t>()) << row;
  }
}

// Where the number of steps divides 1000 and nothing is rescaled, diffusers' `leading` is the same.
TEST(VideoCrafterGolden, EqualsLeadingWhereStepsDivide) {
  freeinit::SamplerConfig leading = config(false);
  leading.timestep_spacing = freeinit::TimestepSpacing::leading;
  const auto ours = freeinit::make_sampler(freeinit::NoiseSchedule(config(false)), 8, 1.0);
  const auto theirs = freeinit::make_sampler(freeinit::NoiseSchedule(leading), 8, 1.0);
  freeinit::NoiseSource first(std::uint64_t{3});
  freeinit::NoiseSource second(std::uint64_t{3});
  for (std::size_t i = 0; i < 8; ++i) {
    ASSERT_EQ(ours->timesteps()[i], theirs->timesteps()[i]);
    EXPECT_TRUE(stepped(*ours, i, randn(4, kShape), randn(5, kShape), first)
                    .equal(stepped(*theirs, i, randn(4, kShape), randn(5, kShape), second)));
  }
}

TEST(VideoCrafterSettings, RefusesImpossibleTables) {
  freeinit::SamplerConfig settings = config(true);
  settings.dynamic_rescale.pop_back();
  EXPECT_ERROR(invalid_argument, "dynamic_rescale of '999' values",
               freeinit::NoiseSchedule{settings});
  settings.dynamic_rescale.push_back(0.0);
  EXPECT_ERROR(invalid_argument, "finite values above 0", freeinit::NoiseSchedule{settings});
  settings.dynamic_rescale.back() = 0.7;
  settings.prediction_type = freeinit::PredictionType::v_prediction;
  EXPECT_ERROR(invalid_argument, "v is not defined", freeinit::NoiseSchedule{settings});
}

}  // namespace
}  // namespace videocrafter_golden_test
