#include <freeinit/sampling/sampler_table.hpp>
#include <freeinit/sampling/samplers/ddim.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sampling/ddim_cases.hpp"
#include "support/golden.hpp"

namespace ddim_golden_test {
namespace {

using ddim_cases::config_from;
using ddim_cases::randn;
using ddim_cases::timesteps_of;
using freeinit::NoiseSchedule;
using freeinit::Sampler;

constexpr std::int64_t kShape[] = {2, 2, 3, 2, 2};
const char* const kFile = "numerics/ddim.safetensors";

// On the machine that made the data everything is bit-equal. Other vector units may round linspace
// and cumprod differently, by an ulp of float32 (1.2e-7) that a few steps amplify, and the second
// cumprod of a schedule that is rescaled to zero signal (3.6e-7 on a Xeon with AMX).
constexpr double kRelative = 2e-6;

const nlohmann::json& cases() {
  static const nlohmann::json content = golden::json("numerics/ddim.json");
  return content;
}

TEST(DdimGolden, AlphasCumprod) {
  golden::Largest largest("largest_difference");
  int number = 0;
  for (const auto& row : cases()["tables"]) {
    const at::Tensor ours =
        at::tensor(freeinit::NoiseSchedule(config_from(row)).alphas_cumprod(), at::kDouble);
    const std::string key = "alphas_cumprod_" + std::to_string(number++);
    const at::Tensor theirs = golden::tensor(kFile, key);
    EXPECT_TRUE(ours.equal(ours.to(at::kFloat).to(at::kDouble))) << "not float32 values";
    EXPECT_LE(largest(golden::difference(ours, theirs)), kRelative) << row;
  }
  EXPECT_EQ(number, 10);
}

at::Tensor run(const Sampler& trajectory, const at::Tensor& sample) {
  freeinit::NoiseSource noise(std::uint64_t{13});
  return ddim_cases::states_of(trajectory, sample, noise);
}

TEST(DdimGolden, TrajectoriesOverEveryOption) {
  golden::Largest largest("largest_difference");
  int number = 0;
  for (const auto& row : cases()["forward"]) {
    freeinit::SamplerConfig config = config_from(row["config"]);
    config.use_clipped_model_output = row["use_clipped_model_output"];
    const auto trajectory =
        freeinit::make_sampler(freeinit::NoiseSchedule(config), row["steps"], row["eta"]);
    EXPECT_EQ(timesteps_of(*trajectory), row["timesteps"].get<std::vector<std::int64_t>>()) << row;
    EXPECT_EQ(trajectory->init_noise_sigma(), 1.0);
    const at::Tensor theirs = golden::tensor(kFile, "forward_" + std::to_string(number++));
    EXPECT_LE(largest(golden::relative_difference(run(*trajectory, randn(11, kShape)), theirs)),
              kRelative)
        << row;
  }
  EXPECT_GT(number, 100);
}

TEST(DdimGolden, InverseTrajectories) {
  golden::Largest largest("largest_difference");
  int number = 0;
  for (const auto& row : cases()["inverse"]) {
    const auto trajectory = freeinit::make_ddim_inverse(
        freeinit::NoiseSchedule(config_from(row["config"])), row["steps"]);
    EXPECT_EQ(timesteps_of(*trajectory), row["timesteps"].get<std::vector<std::int64_t>>()) << row;
    const at::Tensor theirs = golden::tensor(kFile, "inverse_" + std::to_string(number++));
    EXPECT_LE(largest(golden::relative_difference(run(*trajectory, randn(11, kShape)), theirs)),
              kRelative)
        << row;
  }
  EXPECT_GT(number, 20);
}

// Every number of steps: one hash over all timesteps of a spacing.
TEST(DdimGolden, TimestepsOfEveryNumberOfSteps) {
  for (const auto& row : cases()["grids"]) {
    freeinit::SamplerConfig config;
    config.num_train_timesteps = row["train"];
    config.timestep_spacing =
        freeinit::timestep_spacing_from_string(row["spacing"].get<std::string>());
    const NoiseSchedule scheduler(config);
    std::vector<std::int64_t> all;
    for (std::int64_t steps = 1; steps <= config.num_train_timesteps; ++steps) {
      const auto timesteps = timesteps_of(*freeinit::make_sampler(scheduler, steps));
      all.insert(all.end(), timesteps.begin(), timesteps.end());
    }
    EXPECT_EQ(golden::fnv1a(at::tensor(all, at::kLong).to(at::kInt)),
              row["fnv1a"].get<std::string>())
        << row;
  }
}

// The level is rounded to the latents' dtype before the root: float16 and bfloat16 show it.
TEST(DdimGolden, AddNoiseInEveryDtype) {
  golden::Largest largest("largest_difference");
  int number = 0;
  for (const auto& row : cases()["noised"]) {
    const at::ScalarType dtype = golden::scalar_type(row["dtype"]);
    const at::Tensor ours =
        freeinit::NoiseSchedule(config_from(row["config"]))
            .add_noise(randn(14, kShape, dtype), randn(15, kShape, dtype), row["timestep"]);
    EXPECT_EQ(ours.scalar_type(), dtype);
    const at::Tensor theirs = golden::tensor(kFile, "noised_" + std::to_string(number++));
    const bool narrow = dtype == at::kHalf || dtype == at::kBFloat16;
    EXPECT_LE(largest(golden::relative_difference(ours, theirs)), narrow ? 0.0 : kRelative) << row;
  }
  EXPECT_EQ(number, 24);
}

TEST(DdimGolden, StepsInHalfPrecisionRoundAsTheReference) {
  int number = 0;
  for (const auto& row : cases()["low_precision"]) {
    const at::ScalarType dtype = golden::scalar_type(row["dtype"]);
    const auto trajectory = freeinit::make_sampler(
        freeinit::NoiseSchedule(config_from(row["config"])), row["steps"], row["eta"]);
    const at::Tensor ours = run(*trajectory, randn(11, kShape, dtype))[-1];
    EXPECT_EQ(ours.scalar_type(), dtype);
    const at::Tensor theirs = golden::tensor(kFile, "low_precision_" + std::to_string(number++));
    EXPECT_EQ(golden::difference(ours, theirs), 0.0) << row;
  }
  EXPECT_EQ(number, 8);
}

}  // namespace
}  // namespace ddim_golden_test
