// Clean predictions, the bridge, and runs whose first passes end early, against the reference.

#include <freeinit/numerics/ddim_scheduler.hpp>
#include <freeinit/numerics/free_init.hpp>

#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "numerics/ddim_cases.hpp"
#include "support/error_of.hpp"
#include "support/golden.hpp"

namespace early_passes_golden_test {
namespace {

using ddim_cases::randn;

constexpr std::int64_t kStepShape[] = {2, 2, 3, 2, 2};
const char* const kFile = "numerics/predictions.safetensors";

TEST(CleanPrediction, EqualsDiffusersAtEveryStep) {
  golden::Largest largest("largest_difference");
  int number = 0;
  const auto cases = golden::json("numerics/predictions.json")["predictions"];
  for (const auto& row : cases) {
    const freeinit::DdimScheduler scheduler(ddim_cases::config_from(row["config"]));
    const auto trajectory = scheduler.trajectory(row["steps"], row["eta"]);
    freeinit::NoiseSource noise(std::uint64_t{13});
    at::Tensor sample = randn(11, kStepShape);
    std::vector<at::Tensor> seen;
    for (std::size_t i = 0; i < trajectory->timesteps().size(); ++i) {
      const at::Tensor output =
          ddim_cases::model(sample, trajectory->timesteps()[i], randn(12, kStepShape));
      seen.push_back(trajectory->pred_original_sample(i, output, sample));
      sample = trajectory->step(i, output, sample, noise);
    }
    // As the steps: the same operations in the same order.
    const at::Tensor theirs = golden::tensor(kFile, "prediction_" + std::to_string(number++));
    EXPECT_LE(largest(golden::relative_difference(at::stack(seen), theirs)), 2e-6) << row;
  }
  EXPECT_EQ(number, 18);
}

TEST(CleanPrediction, RefusesAsAStepDoes) {
  const auto trajectory = freeinit::DdimScheduler({}).trajectory(3);
  const at::Tensor x = randn(1, {1, 1, 2, 2, 2});
  EXPECT_ERROR(invalid_argument, "step index '3'", trajectory->pred_original_sample(3, x, x));
  EXPECT_ERROR(invalid_argument, "model output", trajectory->pred_original_sample(0, x[0], x));
}

TEST(Bridge, EqualsItsFormula) {
  const freeinit::DdimScheduler scheduler({.beta_start = 0.00085,
                                           .beta_end = 0.012,
                                           .beta_schedule = freeinit::BetaSchedule::scaled_linear});
  const std::int64_t shape[] = {1, 2, 4, 6, 8};
  const auto bridges = golden::json("numerics/mixes.json")["bridges"];
  ASSERT_EQ(bridges.size(), 4U);
  for (const auto& row : bridges) {
    const std::int64_t from = row[0];
    const std::int64_t to = row[1];
    const at::Tensor theirs = golden::tensor(
        "numerics/mixes.safetensors", "bridge_" + std::to_string(from) + "_" + std::to_string(to));
    // One float32 rounding of each product and of the sum of values up to 4.
    EXPECT_LE(golden::difference(
                  scheduler.add_noise_between(randn(6, shape), randn(7, shape), from, to), theirs),
              1e-6);
  }
  const at::Tensor x = randn(6, shape);
  EXPECT_ERROR(invalid_argument, "only added", scheduler.add_noise_between(x, x, 500, 499));
  EXPECT_ERROR(invalid_argument, "timestep '1000'", scheduler.add_noise_between(x, x, 0, 1000));
  EXPECT_ERROR(invalid_argument, "timestep '-1'", scheduler.add_noise_between(x, x, -1, 0));
  EXPECT_ERROR(invalid_argument, "noise", scheduler.add_noise_between(x, x[0], 0, 9));
}

/// Mean and variance, about a clean sample of 2, of `draws` values.
void expect_forward_process(const freeinit::DdimScheduler& scheduler, double signal, double alpha) {
  const std::int64_t draws = 1'000'000;
  const at::Tensor clean = randn(1, {draws}).mul(0.0).add(2.0);
  const at::Tensor middle = scheduler.add_noise(clean, randn(2, {draws}), 400);
  const at::Tensor end = scheduler.add_noise_between(middle, randn(3, {draws}), 400, 950);
  // Standard errors of 10^6 values: 0.001 of the mean, 0.0014 of the variance; five of them.
  EXPECT_NEAR(end.mean().item<double>(), 2.0 * signal, 0.005);
  EXPECT_NEAR(end.var().item<double>(), 1.0 - alpha, 0.007);
}

// The definition: noising to 400 and on to 950 is noising to 950 at once.
TEST(Bridge, JoinsTwoStretchesOfTheForwardProcess) {
  const freeinit::DdimScheduler scheduler{freeinit::DdimConfig{}};
  const double alpha = scheduler.alphas_cumprod()[950];
  expect_forward_process(scheduler, std::sqrt(alpha), alpha);
}

// A signal that shrinks to .7 on the way (VideoCrafter's dynamic rescale) arrives where the forward
// process from the clean sample does.
TEST(Bridge, TakesARescaledSignalToItsNewScale) {
  freeinit::DdimConfig config;
  for (int t = 0; t < 1000; ++t) config.dynamic_rescale.push_back(1.0 - 0.3 * t / 999.0);
  const freeinit::DdimScheduler scheduler(config);
  const double alpha = scheduler.alphas_cumprod()[950];
  expect_forward_process(scheduler, std::sqrt(alpha) * config.dynamic_rescale[950], alpha);
}

TEST(Bridge, OfNoLengthChangesNothing) {
  freeinit::DdimConfig config;
  config.rescale_betas_zero_snr = true;  // the last level holds no signal to divide by
  const freeinit::DdimScheduler scheduler(config);
  const at::Tensor x = randn(6, {1, 2, 3, 4, 4});
  for (const std::int64_t t : {0, 500, 999}) {
    EXPECT_TRUE(scheduler.add_noise_between(x, randn(7, x.sizes()), t, t).equal(x)) << t;
  }
}

freeinit::FreeInitOptions options_of(const nlohmann::json& row) {
  freeinit::FreeInitOptions options;
  options.num_iters = row["num_iters"];
  options.mix = {freeinit::mix_method_from_string(row["mix"].get<std::string>()), row["ratio"]};
  auto& passes = options.intermediate;
  passes.result = freeinit::intermediate_result_from_string(row["result"].get<std::string>());
  if (!row["steps"].is_null()) passes.steps = row["steps"].get<std::int64_t>();
  if (!row["stop_timestep"].is_null()) {
    passes.stop_timestep = row["stop_timestep"].get<std::int64_t>();
  }
  passes.num_inference_steps = row["grid"].get<std::int64_t>();
  for (const auto& entry : row["schedule"]) {
    options.filter_schedule.push_back(
        {freeinit::filter_method_from_string(entry[0].get<std::string>()), 4.0, entry[1],
         entry[1]});
  }
  return options;
}

TEST(EarlyPasses, RunsEqualTheReferencePassByPass) {
  golden::Largest largest("largest_difference");
  const std::int64_t steps = 6;
  const std::int64_t sizes[] = {1, 2, 4, 4, 6};
  int number = 0;
  const auto runs = golden::json("numerics/predictions.json")["runs"];
  for (const auto& row : runs) {
    const at::Tensor pattern = randn(12, {2, 4, 4, 6});
    std::vector<at::Tensor> passes;
    freeinit::NoiseSource noise(std::uint64_t{3});
    const auto result = freeinit::free_init(
        [&](const at::Tensor& latents, double t) { return ddim_cases::model(latents, t, pattern); },
        freeinit::DdimScheduler(
            {.beta_start = 0.00085, .beta_end = 0.012, .clip_sample = false, .steps_offset = 1}),
        {sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]}, options_of(row),
        {.num_inference_steps = steps,
         .eta = row["eta"],
         .initial_noise = {},
         .on_pass = [&](int, const at::Tensor& latents) { passes.push_back(latents); }},
        noise);
    const at::Tensor theirs = golden::tensor(kFile, "passes_" + std::to_string(number++));
    // As the whole runs of free_init_golden_test.cpp.
    EXPECT_LE(largest(golden::relative_difference(at::stack(passes), theirs)), 1e-5) << row;
    EXPECT_EQ(result.calls_per_pass.size(), passes.size());
    EXPECT_EQ(result.calls_per_pass.back(), steps);
    if (row["result"] != "full" && !row["steps"].is_null()) {
      EXPECT_EQ(result.calls_per_pass.front(), row["steps"].get<std::int64_t>());
    }
    EXPECT_EQ(result.calls_saved,
              row["num_iters"].get<std::int64_t>() * steps - result.denoiser_calls);
  }
  EXPECT_EQ(number, 13);
}

}  // namespace
}  // namespace early_passes_golden_test
