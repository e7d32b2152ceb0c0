#include <freeinit/noise/noise_mix.hpp>
#include <freeinit/noise/noise_reinitializer.hpp>
#include <freeinit/noise/noise_source.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "support/error_of.hpp"
#include "support/golden.hpp"
#include "support/simulated_device.hpp"

namespace noise_mix_test {
namespace {

using freeinit::FilterMethod;
using freeinit::FilterVariant;
using freeinit::MixMethod;
using freeinit::NoiseMixOptions;
using freeinit::NoiseReinitializer;
using Shape = std::array<std::int64_t, 3>;

constexpr FilterMethod kMethods[] = {FilterMethod::butterworth, FilterMethod::gaussian,
                                     FilterMethod::ideal, FilterMethod::box};
const char* const kFile = "numerics/mixes.safetensors";

at::Tensor randn(std::uint64_t seed, const Shape& shape) {
  return freeinit::NoiseSource(seed).draw({1, 2, shape[0], shape[1], shape[2]});
}

/// The fresh noise of one call, from the seeds 2, 3, ...
std::vector<at::Tensor> fresh_noise(const NoiseReinitializer& reinitialise, const Shape& shape) {
  std::vector<at::Tensor> fresh;
  while (fresh.size() < reinitialise.num_fresh()) {
    fresh.push_back(randn(2 + fresh.size(), shape));
  }
  return fresh;
}

std::string name_of(FilterMethod method, const Shape& shape) {
  return std::string(to_string(method)) + "_" + std::to_string(shape[0]) + "x" +
         std::to_string(shape[1]) + "x" + std::to_string(shape[2]);
}

// The reference is in double with whole complex spectra: 2e-6 is what float32 sums of these sizes
// leave (see noise_reinitializer_test.cpp).
constexpr double kTolerance = 2e-6;

double difference_from_reference(const NoiseMixOptions& mix, FilterMethod method,
                                 const Shape& shape, const std::string& name) {
  const NoiseReinitializer reinitialise({method, 4.0, 0.5, 0.5}, shape[0], shape[1], shape[2],
                                        at::kCPU, mix);
  const at::Tensor mixed = reinitialise(randn(1, shape), fresh_noise(reinitialise, shape));
  return golden::difference(mixed, golden::tensor(kFile, name));
}

TEST(NoiseMix, EqualsTheStoredResultsOfTheFormulas) {
  golden::Largest largest("largest_difference");
  for (const Shape& shape : {Shape{4, 6, 8}, {5, 6, 8}, {4, 7, 9}, {5, 7, 9}}) {
    for (const FilterMethod method : kMethods) {
      const std::string name = name_of(method, shape);
      EXPECT_LE(largest(difference_from_reference({.method = MixMethod::variance_preserving},
                                                  method, shape, "variance-preserving_" + name)),
                kTolerance)
          << name;
      EXPECT_LE(largest(difference_from_reference({.method = MixMethod::freqprior, .ratio = 0.8},
                                                  method, shape, "freqprior_0.8_" + name)),
                kTolerance)
          << name;
    }
    for (const double ratio : {0.0, 1.0}) {
      const std::string name = "freqprior_" + std::to_string(ratio).substr(0, 3) + "_" +
                               name_of(FilterMethod::butterworth, shape);
      EXPECT_LE(largest(difference_from_reference({.method = MixMethod::freqprior, .ratio = ratio},
                                                  FilterMethod::butterworth, shape, name)),
                kTolerance)
          << name;
    }
  }
}

TEST(NoiseMix, FiltersOfSingleAxesEqualTheFormulas) {
  for (const char* axes : {"temporal", "spatial"}) {
    for (const char* method : {"butterworth", "gaussian", "ideal"}) {
      freeinit::FrequencyFilterOptions options{freeinit::filter_method_from_string(method)};
      options.axes = freeinit::filter_axes_from_string(axes);
      const bool temporal = options.axes == freeinit::FilterAxes::temporal;
      (temporal ? options.temporal_stop_frequency : options.spatial_stop_frequency) = 0.4;
      const at::Tensor mask = freeinit::frequency_filter_mask(options, 5, 6, 7);
      const std::string name = std::string("mask_") + axes + "_" + method;
      // One float32 rounding: the reference multiplies no stretch of 1.
      EXPECT_LE(golden::difference(mask, golden::tensor(kFile, name)), 6e-8) << name;
      // The other stop frequency has no say, not even 0.
      (temporal ? options.spatial_stop_frequency : options.temporal_stop_frequency) = 0.0;
      EXPECT_TRUE(mask.equal(freeinit::frequency_filter_mask(options, 5, 6, 7))) << name;
    }
  }
  freeinit::FrequencyFilterOptions box{FilterMethod::box, 4.0, 0.5, 0.5};
  box.axes = freeinit::FilterAxes::temporal;
  const at::Tensor kept = freeinit::frequency_filter_mask(box, 8, 3, 5);
  EXPECT_EQ(kept.sum().item<double>(), 4.0 * 3 * 5);  // frames 2..5, every row and column
  EXPECT_ERROR(invalid_argument, "spatio-temporal, temporal, spatial",
               freeinit::filter_axes_from_string("time"));
}

/// Mean square of mixes of white noise over `draws` calls with noise of the seed 7.
double measured_variance(const NoiseReinitializer& reinitialise, const Shape& shape, int draws) {
  freeinit::NoiseSource source(std::uint64_t{7});
  const auto draw = [&] { return source.draw({1, 4, shape[0], shape[1], shape[2]}); };
  double sum = 0.0;
  for (int i = 0; i < draws; ++i) {
    const at::Tensor diffused = draw();
    std::vector<at::Tensor> fresh;
    while (fresh.size() < reinitialise.num_fresh()) fresh.push_back(draw());
    sum += reinitialise(diffused, fresh).square().mean().item<double>();
  }
  return sum / draws;
}

// 12 draws of about 85,000 values: the standard deviation of the measured variance is sqrt(2 /
// 10^6) = 0.14 %, so 1 % is seven of them; seeds are fixed, the test cannot flicker.
TEST(NoiseMix, VarianceIsWhatTheTheorySays) {
  golden::Largest largest("largest_deviation_from_theory");
  for (const Shape& shape : {Shape{16, 36, 36}, {15, 37, 39}}) {
    for (const FilterMethod method : kMethods) {
      for (const FilterVariant variant : {FilterVariant::official, FilterVariant::strict}) {
        const at::Tensor mask = freeinit::frequency_filter_mask({method, 4.0, 0.5, 0.6, variant},
                                                                shape[0], shape[1], shape[2]);
        for (const MixMethod mix :
             {MixMethod::freeinit, MixMethod::variance_preserving, MixMethod::freqprior}) {
          const NoiseMixOptions options{.method = mix, .ratio = 0.8};
          const double theory = freeinit::mix_variance(mask, options);
          const NoiseReinitializer reinitialise(mask, at::kCPU, options);
          const double ratio = measured_variance(reinitialise, shape, 12) / theory;
          EXPECT_LE(largest(std::abs(ratio - 1.0)), 0.01)
              << name_of(method, shape) << " " << to_string(mix) << ", theory " << theory;
          if (mix == MixMethod::variance_preserving) {
            EXPECT_EQ(theory, 1.0);
          }
          if (mix == MixMethod::freqprior && variant == FilterVariant::strict) {
            EXPECT_EQ(theory, 1.0) << "no odd part, no loss";
          }
        }
      }
    }
  }
}

// What the paper's mix loses: half of the power where the mask is 1/2.
TEST(NoiseMix, TheoryOfTheOriginalMixInTheTransitionBand) {
  const at::Tensor half = at::full({4, 4, 4}, 0.5);
  EXPECT_DOUBLE_EQ(freeinit::mix_variance(half, {}), 0.5);
  EXPECT_NEAR(measured_variance(NoiseReinitializer(half), {4, 4, 4}, 4000), 0.5, 0.005);
  const at::Tensor gaussian = freeinit::frequency_filter_mask({FilterMethod::gaussian}, 16, 64, 64);
  // Deviation measured once on random latents: .9796.
  EXPECT_NEAR(std::sqrt(freeinit::mix_variance(gaussian, {})), 0.9796, 5e-4);
  const at::Tensor box = freeinit::frequency_filter_mask({FilterMethod::box}, 16, 64, 64);
  EXPECT_LT(freeinit::mix_variance(box, {.method = MixMethod::freqprior}), 1.0)
      << "an official box is not symmetric";
}

TEST(NoiseMix, LowBandIsWhatTheFilterKeeps) {
  const Shape shape{5, 6, 7};
  const NoiseReinitializer reinitialise({FilterMethod::gaussian, 4.0, 0.5, 0.5}, 5, 6, 7);
  const at::Tensor latents = randn(1, shape);
  EXPECT_LE(golden::difference(reinitialise.low_band(latents),
                               reinitialise(latents, at::zeros_like(latents))),
            kTolerance);
}

TEST(NoiseMix, RefusesWhatDoesNotFit) {
  const NoiseMixOptions preserving{.method = MixMethod::variance_preserving};
  const NoiseMixOptions prior{.method = MixMethod::freqprior};
  EXPECT_ERROR(invalid_argument, "finite", NoiseReinitializer(at::full({2, 2, 2}, std::nan(""))));
  EXPECT_ERROR(invalid_argument, "mask value '1.5'",
               NoiseReinitializer(at::full({2, 2, 2}, 1.5), at::kCPU, preserving));
  EXPECT_ERROR(invalid_argument, "mask value '-1'",
               NoiseReinitializer(at::full({2, 2, 2}, -1.0), at::kCPU, prior));
  EXPECT_NO_THROW(NoiseReinitializer(at::full({2, 2, 2}, 1.5)));
  EXPECT_ERROR(invalid_argument, "mix ratio '1.1'",
               NoiseReinitializer(at::full({2, 2, 2}, 0.5), at::kCPU,
                                  {.method = MixMethod::freqprior, .ratio = 1.1}));
  const NoiseReinitializer reinitialise({}, 4, 6, 8, at::kCPU, prior);
  EXPECT_EQ(reinitialise.num_fresh(), 4U);
  const at::Tensor noise = randn(1, {4, 6, 8});
  EXPECT_ERROR(invalid_argument, "expected 4", reinitialise(noise, noise));
  EXPECT_ERROR(invalid_argument, "freeinit, variance-preserving, freqprior",
               freeinit::mix_method_from_string("average"));
}

TEST(NoiseMix, WorksOnADeviceWithoutTouchingTheHost) {
  const at::Device device = simulated_device::device();
  const Shape shape{5, 6, 7};
  for (const MixMethod method : {MixMethod::variance_preserving, MixMethod::freqprior}) {
    const NoiseMixOptions mix{.method = method};
    const NoiseReinitializer there({}, 5, 6, 7, device, mix);
    const NoiseReinitializer here({}, 5, 6, 7, at::kCPU, mix);
    std::vector<at::Tensor> fresh;
    for (const at::Tensor& noise : fresh_noise(here, shape)) fresh.push_back(noise.to(device));
    const at::Tensor diffused = randn(1, shape).to(device);
    const simulated_device::TrafficMeter meter;
    const at::Tensor mixed = there(diffused, fresh);
    EXPECT_EQ(meter.read(), simulated_device::Traffic{}) << to_string(method);
    EXPECT_TRUE(mixed.to(at::kCPU).equal(here(randn(1, shape), fresh_noise(here, shape))));
  }
}

}  // namespace
}  // namespace noise_mix_test
