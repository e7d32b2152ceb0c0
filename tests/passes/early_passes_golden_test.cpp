// Clean predictions, the bridge, and runs whose first passes end early, against the reference.

#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "sampling/ddim_cases.hpp"
#include "support/error_of.hpp"
#include "support/golden.hpp"
#include "support/sampler_steps.hpp"

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
    const freeinit::NoiseSchedule scheduler(ddim_cases::config_from(row["config"]));
    const auto trajectory = freeinit::make_sampler(scheduler, row["steps"], row["eta"]);
    freeinit::NoiseSource noise(std::uint64_t{13});
    at::Tensor sample = randn(11, kStepShape);
    std::vector<at::Tensor> seen;
    for (std::size_t i = 0; i < trajectory->timesteps().size(); ++i) {
      const at::Tensor output =
          ddim_cases::model(sample, trajectory->timesteps()[i], randn(12, kStepShape));
      seen.push_back(predicted(*trajectory, i, output, sample));
      sample = stepped(*trajectory, i, output, sample, noise);
    }
    // As the steps: the same operations in the same order.
    const at::Tensor theirs = golden::tensor(kFile, "prediction_" + std::to_string(number++));
    EXPECT_LE(largest(golden::relative_difference(at::stack(seen), theirs)), 2e-6) << row;
  }
  EXPECT_EQ(number, 18);
}

TEST(CleanPrediction, RefusesAsAStepDoes) {
  const auto trajectory = freeinit::make_sampler(freeinit::NoiseSchedule({}), 3);
  const at::Tensor x = randn(1, {1, 1, 2, 2, 2});
  EXPECT_ERROR(invalid_argument, "step index '3'", predicted(*trajectory, 3, x, x));
  EXPECT_ERROR(invalid_argument, "model output", predicted(*trajectory, 0, x[0], x));
}

TEST(Bridge, EqualsItsFormula) {
  const freeinit::NoiseSchedule scheduler({.beta_start = 0.00085,
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
void expect_forward_process(const freeinit::NoiseSchedule& scheduler, double signal, double alpha) {
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
  const freeinit::NoiseSchedule scheduler{freeinit::SamplerConfig{}};
  const double alpha = scheduler.alphas_cumprod()[950];
  expect_forward_process(scheduler, std::sqrt(alpha), alpha);
}

// A signal that shrinks to .7 on the way (VideoCrafter's dynamic rescale) arrives where the forward
// process from the clean sample does.
TEST(Bridge, TakesARescaledSignalToItsNewScale) {
  freeinit::SamplerConfig config;
  for (int t = 0; t < 1000; ++t) config.dynamic_rescale.push_back(1.0 - 0.3 * t / 999.0);
  const freeinit::NoiseSchedule scheduler(config);
  const double alpha = scheduler.alphas_cumprod()[950];
  expect_forward_process(scheduler, std::sqrt(alpha) * config.dynamic_rescale[950], alpha);
}

TEST(Bridge, OfNoLengthChangesNothing) {
  freeinit::SamplerConfig config;
  config.rescale_betas_zero_snr = true;  // the last level holds no signal to divide by
  const freeinit::NoiseSchedule scheduler(config);
  const at::Tensor x = randn(6, {1, 2, 3, 4, 4});
  for (const std::int64_t t : {0, 500, 999}) {
    EXPECT_TRUE(scheduler.add_noise_between(x, randn(7, x.sizes()), t, t).equal(x)) << t;
  }
}

constexpr std::int64_t kSteps = 6;

const freeinit::NoiseSchedule& run_schedule() {
  static const freeinit::NoiseSchedule schedule(
      {.beta_start = 0.00085, .beta_end = 0.012, .clip_sample = false, .steps_offset = 1});
  return schedule;
}

/// Calls of an early pass; the reference also knows stops by timestep.
std::optional<std::int64_t> early_steps(const nlohmann::json& row) {
  if (!row["steps"].is_null()) return row["steps"].get<std::int64_t>();
  if (row["stop_timestep"].is_null()) return {};
  const auto timesteps = run_schedule().timesteps(row["grid"]);
  const std::int64_t stop = row["stop_timestep"];
  return std::count_if(timesteps.begin(), timesteps.end(), [&](auto t) { return t > stop; });
}

freeinit::FreeInitOptions options_of(const nlohmann::json& row) {
  freeinit::FreeInitOptions options;
  options.num_iters = row["num_iters"];
  options.mix = {freeinit::mix_method_from_string(row["mix"].get<std::string>()), row["ratio"]};
  auto& passes = options.intermediate;
  passes.result = freeinit::intermediate_result_from_string(row["result"].get<std::string>());
  if (passes.result != freeinit::IntermediateResult::full) passes.steps = early_steps(row);
  options.filters.clear();
  for (const auto& entry : row["schedule"]) {
    options.filters.push_back({freeinit::filter_method_from_string(entry[0].get<std::string>()),
                               4.0, entry[1], entry[1]});
  }
  return options;
}

/// Samplers of the run's passes: those before the last on a grid of their own.
freeinit::SamplerFactory samplers_of(const nlohmann::json& row) {
  return [grid = row["grid"].get<std::int64_t>(), eta = row["eta"].get<double>(),
          left = row["num_iters"].get<std::int64_t>()](std::int64_t steps) mutable {
    return freeinit::make_sampler(run_schedule(), --left > 0 ? grid : steps, eta);
  };
}

TEST(EarlyPasses, RunsEqualTheReferencePassByPass) {
  golden::Largest largest("largest_difference");
  int number = 0;
  const auto runs = golden::json("numerics/predictions.json")["runs"];
  for (const auto& row : runs) {
    const at::Tensor pattern = randn(12, {2, 4, 4, 6});
    std::vector<at::Tensor> passes;
    freeinit::RunHooks hooks;
    hooks.on_pass = [&](const freeinit::RunPoint&, const at::Tensor& latents) {
      passes.push_back(latents);
    };
    const auto result = freeinit::free_init(
        [&](const at::Tensor& latents, double t) { return ddim_cases::model(latents, t, pattern); },
        run_schedule(),
        {.shape = {1, 2, 4, 4, 6},
         .options = options_of(row),
         .num_inference_steps = kSteps,
         .samplers = samplers_of(row)},
        freeinit::NoiseSource(3), {}, hooks);
    const at::Tensor theirs = golden::tensor(kFile, "passes_" + std::to_string(number++));
    // As the whole runs of free_init_golden_test.cpp.
    EXPECT_LE(largest(golden::relative_difference(at::stack(passes), theirs)), 1e-5) << row;
    EXPECT_EQ(result.calls_per_pass.size(), passes.size());
    EXPECT_EQ(result.calls_per_pass.back(), kSteps);
    if (row["result"] != "full" && !row["steps"].is_null()) {
      EXPECT_EQ(result.calls_per_pass.front(), row["steps"].get<std::int64_t>());
    }
    EXPECT_EQ(result.calls_saved,
              row["num_iters"].get<std::int64_t>() * kSteps - result.denoiser_calls);
  }
  EXPECT_EQ(number, 13);
}

}  // namespace
}  // namespace early_passes_golden_test
