// The sampling loop asks for no memory after the first step of a pass.

#include "support/allocation_counter.hpp"
#include "support/sampler_steps.hpp"

#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace step_memory_test {
namespace {

using freeinit::PredictionType;

const freeinit::LatentShape kShape{.batch = 2, .channels = 4, .frames = 3, .height = 4, .width = 4};

/// Tensors made in each step of a pass after its first one, the denoiser's own included. Below 1
/// the strength is that of a run from a video.
std::vector<std::int64_t> allocations_of_steps(const freeinit::Denoiser& denoiser,
                                               const freeinit::SamplerConfig& config,
                                               double strength = 1.0) {
  const AllocationCounter counter;
  std::vector<std::int64_t> counts;
  std::int64_t before = 0;
  freeinit::RunControl control;
  control.progress = [&](const freeinit::Progress& progress) {
    if (progress.phase != freeinit::Phase::denoise) return;
    if (progress.step > 1) counts.push_back(counter.count() - before);
    before = counter.count();
  };
  const freeinit::NoiseSchedule schedule(config);
  freeinit::FreeInitSettings settings{
      .shape = kShape, .options = {.num_iters = 2}, .num_inference_steps = 5, .strength = strength};
  if (strength < 1.0) settings.initial_sample = at::randn(kShape.sizes());
  (void)freeinit::free_init(denoiser, schedule, settings, freeinit::NoiseSource(1), control);
  return counts;
}

std::vector<freeinit::SamplerConfig> all_kinds_of_steps() {
  std::vector<freeinit::SamplerConfig> configs;
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
  for (const auto& row : freeinit::sampler_table()) {
    configs.push_back({.sampler = std::string(row.name)});
  }
  configs.push_back({.sampler = "dpmsolver++",
                     .solver_order = 3,
                     .algorithm_type = freeinit::AlgorithmType::sde_dpmsolver_pp});
  configs.push_back({.sampler = "unipc", .solver_order = 3, .predict_x0 = false});
  return configs;
}

TEST(StepMemory, TheLoopAsksForNoneAfterTheFirstStep) {
  const at::Tensor output = at::randn(kShape.sizes());
  const AllocationCounter counter;
  (void)freeinit::NoiseSource(1).draw(kShape.sizes());
  const std::int64_t draw = counter.count();
  for (const auto& config : all_kinds_of_steps()) {
    const bool draws = config.sampler == "euler-ancestral" || config.sampler == "lcm" ||
                       config.algorithm_type == freeinit::AlgorithmType::sde_dpmsolver_pp;
    for (const double strength : {1.0, 0.6}) {
      const auto counts =
          allocations_of_steps([&](const at::Tensor&, double) { return output; }, config, strength);
      EXPECT_GE(counts.size(), strength < 1.0 ? 2U * 2U : 2U * 4U);
      for (const std::int64_t count : counts) {
        EXPECT_TRUE(count == 0 || (draws && count == draw)) << config.sampler << " " << count;
      }
    }
  }
}

TEST(StepMemory, WhatADenoiserMakesIsCounted) {
  const auto twice = [](const at::Tensor& x, double) { return x.add(x); };
  EXPECT_EQ(allocations_of_steps(twice, {}), std::vector<std::int64_t>(2 * 4, 1));
}

// A denoiser may hand back its input, so the prediction may lie in the memory that is written.
TEST(StepMemory, ThePredictionMayBeTheSample) {
  for (const auto& config : all_kinds_of_steps()) {
    const auto sampler = freeinit::make_sampler(freeinit::NoiseSchedule(config), 5);
    freeinit::NoiseSource noise(std::uint64_t{1});
    freeinit::SamplerState state = sampler->start(at::randn(kShape.sizes()));
    sampler->step(state, state.latents, noise);
    freeinit::SamplerState apart = state.clone();
    freeinit::NoiseSource same = freeinit::NoiseSource::from_state(noise.state());
    sampler->step(state, state.latents, noise);  // written in place from here on
    sampler->step(apart, apart.latents.clone(), same);
    EXPECT_TRUE(apart.latents.equal(state.latents)) << config.sampler;
  }
}

TEST(StepMemory, NeitherTheNoiseNorACloneIsWrittenTo) {
  for (const auto& config : all_kinds_of_steps()) {
    const auto sampler = freeinit::make_sampler(freeinit::NoiseSchedule(config), 5, 0.5);
    freeinit::NoiseSource noise(std::uint64_t{1});
    const at::Tensor unit = at::randn(kShape.sizes());
    const at::Tensor kept = unit.clone();
    const at::Tensor output = at::randn(kShape.sizes());
    freeinit::SamplerState state = sampler->start(unit);
    sampler->step(state, output, noise);
    sampler->step(state, output, noise);
    EXPECT_TRUE(unit.equal(kept));
    const freeinit::SamplerState clone = state.clone();
    const at::Tensor before = clone.latents.clone();
    sampler->step(state, output, noise);
    EXPECT_TRUE(clone.latents.equal(before));
    EXPECT_EQ(clone.index, 2);
  }
}

TEST(StepMemory, TheCleanPredictionLasts) {
  const auto trajectory = freeinit::make_sampler(
      freeinit::NoiseSchedule({.clip_sample = false, .prediction_type = PredictionType::sample}),
      5);
  const at::Tensor output = at::randn(kShape.sizes());
  const at::Tensor clean = predicted(*trajectory, 1, output, output);
  EXPECT_TRUE(clean.equal(output));
  EXPECT_FALSE(clean.is_alias_of(output));
}

}  // namespace
}  // namespace step_memory_test
