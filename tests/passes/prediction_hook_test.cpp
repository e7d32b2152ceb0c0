// Clean predictions of a run that goes, by every sampler.

#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/golden.hpp"

namespace prediction_hook_test {
namespace {

using freeinit::FreeInitOptions;
using freeinit::IntermediateResult;
using freeinit::PredictionType;

const freeinit::LatentShape kShape{.batch = 1, .channels = 2, .frames = 3, .height = 4, .width = 4};

/// A network that predicts the clean sample: what the hook gets is known. PNDM takes noise alone.
at::Tensor denoise(const at::Tensor& latents, double timestep) {
  return latents.mul(0.3).add(timestep / 1000.0).tanh();
}

struct Sampled {
  freeinit::FreeInitResult result;
  std::vector<at::Tensor> outputs{};  ///< of the network, call by call
};

Sampled run(const std::string& sampler, const FreeInitOptions& options,
            const freeinit::RunHooks& hooks = {}) {
  Sampled made;
  const freeinit::NoiseSchedule schedule(
      {.sampler = sampler,
       .clip_sample = false,
       .prediction_type = sampler == "pndm" ? PredictionType::epsilon : PredictionType::sample});
  made.result = freeinit::free_init(
      [&](const at::Tensor& latents, double timestep) {
        made.outputs.push_back(denoise(latents, timestep));
        return made.outputs.back().clone();
      },
      schedule, {.shape = kShape, .options = options, .num_inference_steps = 5, .eta = 0.5},
      freeinit::NoiseSource(1), {}, hooks);
  return made;
}

TEST(PredictionHook, ShowsTheCleanSampleAndChangesNothing) {
  for (const auto& row : freeinit::sampler_table()) {
    const std::string sampler(row.name);
    for (const auto result :
         {IntermediateResult::full, IntermediateResult::prediction, IntermediateResult::partial}) {
      FreeInitOptions options{.num_iters = 3};
      options.intermediate.result = result;
      if (result != IntermediateResult::full) options.intermediate.steps = 2;
      const Sampled plain = run(sampler, options);
      std::vector<at::Tensor> shown;
      std::vector<std::pair<int, std::int64_t>> places, expected;
      freeinit::RunHooks hooks;
      hooks.on_prediction = [&](const freeinit::RunPoint& at, const at::Tensor& prediction) {
        shown.push_back(prediction);
        places.emplace_back(at.pass, at.step);
      };
      const Sampled watched = run(sampler, options, hooks);
      EXPECT_TRUE(watched.result.latents.equal(plain.result.latents)) << sampler;
      ASSERT_EQ(shown.size(), watched.outputs.size()) << sampler;
      for (int pass = 0; pass < 3; ++pass) {
        const std::int64_t calls = watched.result.calls_per_pass[static_cast<std::size_t>(pass)];
        for (std::int64_t step = 1; step <= calls; ++step) expected.emplace_back(pass, step);
      }
      EXPECT_EQ(places, expected) << sampler;
      // Methods that look back take more than this call's output; the first has nothing behind it.
      if (sampler == "pndm") continue;
      EXPECT_LE(golden::difference(shown[0], watched.outputs[0]), 1e-5) << sampler;
    }
  }
}

TEST(PredictionHook, IsCalledAsOftenAsAsked) {
  for (const auto& [every, times] : std::vector<std::pair<std::int64_t, int>>{
           {1, 10}, {2, 5}, {3, 3}, {10, 1}, {11, 0}, {0, 0}, {-1, 0}}) {
    int called = 0;
    freeinit::RunHooks hooks;
    hooks.on_prediction = [&](const auto&, const auto&) { ++called; };
    hooks.prediction_every = every;
    (void)run("ddim", {.num_iters = 2}, hooks);
    EXPECT_EQ(called, times) << every;
  }
}

}  // namespace
}  // namespace prediction_hook_test
