#include "support/simulated_device.hpp"

#include <freeinit/noise/noise_reinitializer.hpp>
#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/error_of.hpp"
#include "support/golden.hpp"
#include "support/sampler_steps.hpp"

namespace simulated_device_test {
namespace {

using simulated_device::device;
using simulated_device::Traffic;
using simulated_device::TrafficMeter;

constexpr freeinit::LatentShape kShape{1, 2, 5, 4, 6};

at::Tensor randn(std::uint64_t seed, at::IntArrayRef shape) {
  return freeinit::NoiseSource(seed).draw(shape);
}

TEST(SimulatedDevice, ComputesWhatTheCpuComputes) {
  const at::Tensor x = randn(1, {2, 3, 5, 5});
  const at::Tensor w = randn(2, {4, 3, 3, 3});
  const at::Tensor ours = at::conv2d(x.to(device()), w.to(device()))
                              .relu()
                              .transpose(1, 2)
                              .reshape({2, -1})
                              .matmul(at::arange(36, at::device(device()).dtype(at::kFloat)));
  const at::Tensor expected =
      at::conv2d(x, w).relu().transpose(1, 2).reshape({2, -1}).matmul(at::arange(36, at::kFloat));
  EXPECT_EQ(ours.device(), device());
  EXPECT_TRUE(ours.to(at::kCPU).equal(expected));
}

TEST(SimulatedDevice, ViewsAndInPlaceOperatorsShareMemory) {
  at::Tensor x = at::zeros({2, 3}, at::device(device()));
  x.select(0, 1).add_(2.0);
  x.view({6}).slice(0, 4).mul_(3.0);
  EXPECT_TRUE(x.to(at::kCPU).equal(at::tensor({0.F, 0.F, 0.F, 2.F, 6.F, 6.F}).view({2, 3})));
}

TEST(SimulatedDevice, CountsEveryWayToTheHost) {
  const at::Tensor x = randn(1, {3}).to(device());
  TrafficMeter meter;
  EXPECT_EQ(meter.read(), Traffic{});
  (void)x.to(at::kHalf).add(1.0).sum();
  EXPECT_EQ(meter.read(), Traffic{}) << "work on the device is no traffic";
  (void)x.sum().item<float>();
  EXPECT_EQ(meter.read(), (Traffic{0, 0, 1}));
  (void)x.equal(x);
  EXPECT_EQ(meter.read(), (Traffic{0, 0, 2}));
  const at::Tensor host = x.to(at::kCPU);
  EXPECT_EQ(meter.read(), (Traffic{0, 1, 2}));
  (void)host.to(device());
  EXPECT_EQ(meter.read(), (Traffic{1, 1, 2}));
}

TEST(SimulatedDevice, RefusesMixedDevices) {
  const at::Tensor host = randn(1, {3});
  const at::Tensor there = host.to(device());
  EXPECT_THROW((void)host.add(there), c10::Error);
  EXPECT_THROW((void)at::cat({there, host}), c10::Error);
  EXPECT_NO_THROW((void)there.add(host[0]));  // a 0-dim CPU tensor counts as a number
}

struct DeviceRun {
  at::Tensor latents;
  Traffic traffic;
};

DeviceRun run_on(at::Device where, double eta, freeinit::SamplerConfig config = {},
                 const at::Tensor& clip = {}) {
  const at::Tensor pattern = randn(3, kShape.sizes()).to(where);
  const freeinit::NoiseSchedule schedule(config);
  const TrafficMeter meter;
  const freeinit::FreeInitResult result = freeinit::free_init(
      [&](const at::Tensor& latents, double) { return latents.mul(0.5).add(pattern); }, schedule,
      {.shape = kShape,
       .num_inference_steps = 4,
       .eta = eta,
       .device = where,
       .initial_sample = clip,
       .strength = clip.defined() ? 0.5 : 1.0},
      freeinit::NoiseSource(1));
  return {result.latents, meter.read()};
}

// Initial noise, the mask once, and the fresh noise of passes 2 and 3. What comes back of each of
// the three passes is whether it is finite.
TEST(SimulatedDevice, TheLoopCopiesOnlyNoise) {
  const DeviceRun there = run_on(device(), 0.0);
  EXPECT_EQ(there.traffic, (Traffic{1 + 1 + 2, 0, 3}));
  EXPECT_EQ(there.latents.device(), device());
  EXPECT_TRUE(there.latents.to(at::kCPU).equal(run_on(at::kCPU, 0.0).latents));
}

TEST(SimulatedDevice, NoSamplerTouchesTheHost) {
  for (const auto& row : freeinit::sampler_table()) {
    const freeinit::SamplerConfig config{.sampler = std::string(row.name)};
    const DeviceRun there = run_on(device(), 0.0, config);
    const int draws = row.name == "euler-ancestral" ? 4 : row.name == "lcm" ? 3 : 0;  // in a pass
    EXPECT_EQ(there.traffic, (Traffic{1 + 1 + 2 + 3 * draws, 0, 3})) << row.name;
    EXPECT_TRUE(there.latents.to(at::kCPU).equal(run_on(at::kCPU, 0.0, config).latents));
  }
}

// The clip goes there once.
TEST(SimulatedDevice, NoSamplerTouchesTheHostFromAVideo) {
  const at::Tensor clip = randn(4, kShape.sizes());
  for (const auto& row : freeinit::sampler_table()) {
    const freeinit::SamplerConfig config{.sampler = std::string(row.name)};
    const DeviceRun there = run_on(device(), 0.0, config, clip);
    const int draws = row.name == "euler-ancestral" ? 2 : row.name == "lcm" ? 1 : 0;  // in a pass
    EXPECT_EQ(there.traffic, (Traffic{1 + 1 + 1 + 2 + 3 * draws, 0, 3})) << row.name;
    EXPECT_TRUE(there.latents.to(at::kCPU).equal(run_on(at::kCPU, 0.0, config, clip).latents));
  }
}

TEST(SimulatedDevice, WithEtaEachStepAddsOneDraw) {
  const DeviceRun there = run_on(device(), 0.5);
  EXPECT_EQ(there.traffic, (Traffic{1 + 1 + 2 + 3 * 4, 0, 3}));
  EXPECT_TRUE(there.latents.to(at::kCPU).equal(run_on(at::kCPU, 0.5).latents));
}

TEST(SimulatedDevice, ThresholdingStaysOnTheDeviceToo) {
  freeinit::SamplerConfig config;
  config.thresholding = true;
  config.sample_max_value = 2.0;
  EXPECT_EQ(run_on(device(), 0.0, config).traffic, (Traffic{4, 0, 3}));
}

/// Operators of one more step of a run without guidance.
std::int64_t operators_of_a_step(double eta) {
  const auto run = [&](int steps) {
    const freeinit::NoiseSchedule schedule({.clip_sample = false});
    const auto before = simulated_device::operators();
    (void)freeinit::free_init([](const at::Tensor& x, double) { return x; }, schedule,
                              {.shape = kShape,
                               .options = {.num_iters = 1},
                               .num_inference_steps = steps,
                               .eta = eta,
                               .device = device()},
                              freeinit::NoiseSource(1));
    return simulated_device::operators() - before;
  };
  const std::int64_t one_more = run(5) - run(4);
  EXPECT_EQ(run(9) - run(4), 5 * one_more) << "a step costs the same wherever it stands";
  return one_more;
}

// x0 = (x - b e) / a and x' = c x0 + d e: three products, a difference, a quotient, a sum. Noise
// adds a product and a sum.
TEST(SimulatedDevice, AStepOfTheLoopIsSixOperators) {
  EXPECT_EQ(operators_of_a_step(0.0), 6);
  EXPECT_EQ(operators_of_a_step(0.5), 8);
}

TEST(SimulatedDevice, AHostCopyHiddenInADenoiserIsSeen) {
  const freeinit::NoiseSchedule schedule({});
  const TrafficMeter meter;
  (void)freeinit::free_init(
      [](const at::Tensor& x, double) { return x.div(x.abs().max().item<double>()); }, schedule,
      {.shape = kShape, .options = {.num_iters = 2}, .num_inference_steps = 3, .device = device()},
      freeinit::NoiseSource(1));
  EXPECT_EQ(meter.read().scalar_reads, 2 * 3 + 2);
}

TEST(SimulatedDevice, TheLibraryRefusesMixedDevices) {
  const at::Tensor host = randn(1, kShape.sizes());
  const at::Tensor there = host.to(device());
  const freeinit::NoiseReinitializer reinitialise({}, 5, 4, 6, device());
  EXPECT_EQ(reinitialise(there, there).device(), device());
  EXPECT_ERROR(invalid_argument, "wrong device", reinitialise(there, host));
  EXPECT_ERROR(invalid_argument, "wrong device", reinitialise(host, there));
  const freeinit::NoiseSchedule scheduler({});
  EXPECT_ERROR(invalid_argument, "privateuseone", scheduler.add_noise(there, host, 1));
  freeinit::NoiseSource noise(std::uint64_t{1});
  EXPECT_ERROR(invalid_argument, "privateuseone",
               stepped(*freeinit::make_sampler(scheduler, 3), 0, host, there, noise));
}

}  // namespace
}  // namespace simulated_device_test
