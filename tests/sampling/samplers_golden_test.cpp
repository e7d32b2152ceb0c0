#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "sampling/ddim_cases.hpp"
#include "sampling/sampler_cases.hpp"
#include "support/devices.hpp"
#include "support/golden.hpp"

namespace samplers_golden_test {
namespace {

using ddim_cases::randn;

constexpr std::int64_t kShape[] = {1, 2, 2, 2, 2};
const char* const kFile = "numerics/samplers.safetensors";

// The factors of a step are worked out in double here and in float32 in the reference, whose
// differences of logarithms lose digits where steps are short.
constexpr double kRelative = 1e-4;

void expect_diffusers_trajectories(at::Device device) {
  int number = 0;
  std::map<std::string, double> largest;
  const auto cases = golden::json("numerics/samplers.json")["cases"];
  for (const auto& row : cases) {
    const auto sampler =
        freeinit::make_sampler(sampler_cases::schedule_of(row), row["steps"], row["eta"]);
    const auto timesteps = sampler->timesteps();
    const auto expected = row["timesteps"].get<std::vector<double>>();
    ASSERT_EQ(timesteps.size(), expected.size()) << row;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(timesteps[i], expected[i], 1e-6 * expected[i]) << row;  // an ulp of float32
    }
    EXPECT_NEAR(sampler->init_noise_sigma(), row["init_noise_sigma"].get<double>(),
                1e-6 * sampler->init_noise_sigma())
        << row;
    const at::Tensor pattern = randn(12, kShape).to(device);
    freeinit::NoiseSource noise(std::uint64_t{13});
    freeinit::SamplerState state = sampler->start(randn(11, kShape).to(device));
    std::vector<at::Tensor> states;
    for (const double t : timesteps) {
      const at::Tensor input = sampler->scale_model_input(state);
      sampler->step(state, ddim_cases::model(input, t, pattern), noise);
      if (states.size() < 4) states.push_back(state.latents.clone());
    }
    states.push_back(state.latents);
    const at::Tensor theirs = golden::tensor(kFile, "states_" + std::to_string(number++));
    const double difference = golden::relative_difference(at::stack(states).cpu(), theirs);
    EXPECT_LE(difference, kRelative) << row;
    double& worst = largest[row["class"].get<std::string>()];
    worst = std::max(worst, difference);
  }
  EXPECT_GT(number, 300);
  for (const auto& [name, difference] : largest)
    testing::Test::RecordProperty(name, std::to_string(difference));
}

TEST(SamplersGolden, Trajectories) {
  for (const at::Device device : test_devices()) {
    SCOPED_TRACE(device.str());
    expect_diffusers_trajectories(device);
  }
}

}  // namespace
}  // namespace samplers_golden_test
