// The sampling loop asks for no memory after the first step of a pass.

#include "support/allocation_counter.hpp"

#include <freeinit/numerics/ddim_scheduler.hpp>
#include <freeinit/numerics/free_init.hpp>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <vector>

namespace step_memory_test {
namespace {

using freeinit::PredictionType;

const freeinit::LatentShape kShape{.batch = 2, .channels = 4, .frames = 3, .height = 4, .width = 4};

/// Tensors made in each step of a pass after its first one, the denoiser's own included.
std::vector<std::int64_t> allocations_of_steps(const freeinit::Denoiser& denoiser,
                                               const freeinit::DdimConfig& config) {
  const AllocationCounter counter;
  std::vector<std::int64_t> counts;
  std::int64_t before = 0;
  freeinit::RunControl control;
  control.progress = [&](const freeinit::Progress& progress) {
    if (progress.phase != freeinit::Phase::denoise) return;
    if (progress.step > 1) counts.push_back(counter.count() - before);
    before = counter.count();
  };
  freeinit::NoiseSource noise(std::uint64_t{1});
  (void)freeinit::free_init(denoiser, freeinit::DdimScheduler(config), kShape, {.num_iters = 2},
                            {.num_inference_steps = 5}, noise, at::kFloat, at::kCPU, control);
  return counts;
}

std::vector<freeinit::DdimConfig> all_kinds_of_steps() {
  std::vector<freeinit::DdimConfig> configs;
  for (const auto type :
       {PredictionType::epsilon, PredictionType::sample, PredictionType::v_prediction}) {
    for (const bool clip : {false, true}) {
      for (const bool use_clipped : {false, true}) {
        configs.push_back({.clip_sample = clip,
                           .prediction_type = type,
                           .use_clipped_model_output = use_clipped});
      }
    }
  }
  return configs;
}

TEST(StepMemory, TheLoopAsksForNoneAfterTheFirstStep) {
  const at::Tensor output = at::randn(kShape.sizes());
  for (const auto& config : all_kinds_of_steps()) {
    EXPECT_EQ(allocations_of_steps([&](const at::Tensor&, double) { return output; }, config),
              std::vector<std::int64_t>(2 * 4, 0));
  }
}

TEST(StepMemory, WhatADenoiserMakesIsCounted) {
  const auto twice = [](const at::Tensor& x, double) { return x.add(x); };
  EXPECT_EQ(allocations_of_steps(twice, {}), std::vector<std::int64_t>(2 * 4, 1));
}

TEST(StepMemory, TheSameNumbersInPlace) {
  const at::Tensor sample = at::randn(kShape.sizes());
  const at::Tensor output = at::randn(kShape.sizes());
  for (const auto dtype : {at::kFloat, at::kHalf, at::kDouble}) {
    freeinit::StepBuffers buffers;
    for (const auto& config : all_kinds_of_steps()) {
      const auto trajectory = freeinit::DdimScheduler(config).trajectory(5, 0.5);
      freeinit::NoiseSource one(std::uint64_t{1});
      freeinit::NoiseSource other(std::uint64_t{1});
      at::Tensor latents = sample.to(dtype).clone();
      const at::Tensor next = trajectory->step(2, output.to(dtype), latents, one);
      EXPECT_FALSE(next.equal(latents));
      trajectory->step_to(latents, 2, output.to(dtype), latents, other, buffers);
      EXPECT_TRUE(next.equal(latents));
    }
  }
}

// A denoiser may hand back its input, so the prediction may lie in the memory that is written.
TEST(StepMemory, ThePredictionMayBeTheSample) {
  for (const auto& config : all_kinds_of_steps()) {
    const auto trajectory = freeinit::DdimScheduler(config).trajectory(5);
    freeinit::NoiseSource noise(std::uint64_t{1});
    freeinit::StepBuffers buffers;
    at::Tensor latents = at::randn(kShape.sizes());
    const at::Tensor next = trajectory->step(2, latents.clone(), latents, noise);
    trajectory->step_to(latents, 2, latents, latents, noise, buffers);
    EXPECT_TRUE(next.equal(latents));
  }
}

TEST(StepMemory, TheCleanPredictionLasts) {
  const auto trajectory =
      freeinit::DdimScheduler({.clip_sample = false, .prediction_type = PredictionType::sample})
          .trajectory(5);
  const at::Tensor output = at::randn(kShape.sizes());
  const at::Tensor clean = trajectory->pred_original_sample(1, output, output);
  EXPECT_TRUE(clean.equal(output));
  EXPECT_FALSE(clean.is_alias_of(output));
}

}  // namespace
}  // namespace step_memory_test
