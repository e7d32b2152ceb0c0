#include <freeinit/noise/noise_reinitializer.hpp>
#include <freeinit/noise/noise_source.hpp>

#include <ATen/ops/fft_fftn.h>
#include <ATen/ops/fft_fftshift.h>
#include <ATen/ops/fft_ifftn.h>
#include <ATen/ops/fft_ifftshift.h>
#include <ATen/ops/fft_irfftn.h>
#include <ATen/ops/fft_rfftn.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/real.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "support/error_of.hpp"
#include "support/golden.hpp"

namespace noise_reinitializer_test {
namespace {

using freeinit::FilterMethod;
using freeinit::FilterVariant;
using freeinit::NoiseReinitializer;
using Shape = std::array<std::int64_t, 3>;

// The distance between two float32 orders of summing some 10^5 terms: the reference itself is
// 0.5e-6 to 1.1e-6 away from its own run in double.
constexpr double kTolerance = 2e-6;

constexpr std::int64_t kAxes[] = {-3, -2, -1};
constexpr FilterMethod kMethods[] = {FilterMethod::butterworth, FilterMethod::gaussian,
                                     FilterMethod::ideal, FilterMethod::box};

at::Tensor randn(std::uint64_t seed, const Shape& shape, std::int64_t batch = 1,
                 std::int64_t channels = 2) {
  return freeinit::NoiseSource(seed).draw({batch, channels, shape[0], shape[1], shape[2]});
}

/// The official form: three complex FFTs, the real part at the end.
at::Tensor official_mix(const at::Tensor& diffused, const at::Tensor& fresh,
                        const at::Tensor& mask) {
  const auto spectrum = [](const at::Tensor& value) {
    return at::fft_fftshift(at::fft_fftn(value, std::nullopt, kAxes), kAxes);
  };
  const at::Tensor mixed =
      spectrum(diffused).mul(mask).add(spectrum(fresh).mul(mask.neg().add(1.0)));
  return at::real(at::fft_ifftn(at::fft_ifftshift(mixed, kAxes), std::nullopt, kAxes)).clone();
}

std::string name_of(FilterMethod method, const Shape& shape) {
  return std::string(to_string(method)) + "_" + std::to_string(shape[0]) + "x" +
         std::to_string(shape[1]) + "x" + std::to_string(shape[2]);
}

TEST(Reinitializer, EqualsTheStoredResultsOfTheReference) {
  golden::Largest largest("largest_difference");
  for (const FilterMethod method : kMethods) {
    for (const Shape& shape :
         {Shape{4, 6, 8}, {5, 6, 8}, {4, 7, 8}, {4, 6, 9}, {5, 7, 9}, {6, 5, 12}}) {
      const NoiseReinitializer reinitialise({method, 4.0, 0.5, 0.5}, shape[0], shape[1], shape[2]);
      const std::string name = name_of(method, shape);
      EXPECT_LE(largest(golden::difference(reinitialise(randn(1, shape), randn(2, shape)),
                                           golden::tensor("numerics/reinit.safetensors", name))),
                kTolerance)
          << name;
    }
  }
}

TEST(Reinitializer, EqualsTheThreeFftFormAtRealSizes) {
  golden::Largest largest("largest_difference");
  for (const Shape& shape : {Shape{16, 64, 64},
                             {15, 64, 64},
                             {16, 63, 64},
                             {16, 64, 63},
                             {24, 45, 80},
                             {13, 45, 33},
                             {20, 40, 64},
                             {1, 33, 20}}) {
    const at::Tensor diffused = randn(3, shape);
    const at::Tensor fresh = randn(4, shape);
    for (const FilterMethod method : kMethods) {
      for (const FilterVariant variant : {FilterVariant::official, FilterVariant::strict}) {
        const freeinit::FrequencyFilterOptions options{method, 4.0, 0.25, 0.25, variant};
        const at::Tensor mask =
            freeinit::frequency_filter_mask(options, shape[0], shape[1], shape[2]);
        const NoiseReinitializer reinitialise(options, shape[0], shape[1], shape[2]);
        EXPECT_LE(largest(golden::difference(reinitialise(diffused, fresh),
                                             official_mix(diffused, fresh, mask))),
                  kTolerance)
            << name_of(method, shape);
      }
    }
  }
}

/// The trap: a half spectrum times the mask as it is, without symmetrising.
at::Tensor unsymmetrised_mix(const at::Tensor& diffused, const at::Tensor& fresh,
                             const at::Tensor& mask) {
  const std::int64_t width = mask.size(2);
  const at::Tensor half = at::fft_ifftshift(mask).slice(2, 0, width / 2 + 1);
  const at::Tensor spectrum = at::fft_rfftn(diffused.sub(fresh), std::nullopt, kAxes);
  return at::fft_irfftn(spectrum.mul(half), mask.sizes(), kAxes).add(fresh);
}

// Shows that the comparisons above would notice a mask that is not symmetrised.
TEST(Reinitializer, AnUnsymmetrisedMaskWouldBeFarOff) {
  const auto error_without = [](FilterMethod method, const Shape& shape) {
    const at::Tensor mask = freeinit::frequency_filter_mask({method}, shape[0], shape[1], shape[2]);
    const at::Tensor diffused = randn(3, shape);
    const at::Tensor fresh = randn(4, shape);
    return golden::difference(unsymmetrised_mix(diffused, fresh, mask),
                              official_mix(diffused, fresh, mask));
  };
  EXPECT_LE(error_without(FilterMethod::butterworth, {16, 64, 64}), kTolerance);
  EXPECT_GT(error_without(FilterMethod::butterworth, {15, 64, 64}), 0.1);
  EXPECT_GT(error_without(FilterMethod::ideal, {16, 63, 64}), 0.1);
  EXPECT_GT(error_without(FilterMethod::box, {16, 64, 64}), 0.1);
}

// Half precision FFTs do not exist on the CPU, so a half tensor that reached one would throw.
TEST(Reinitializer, AlwaysComputesInFloat32) {
  const Shape shape{5, 6, 7};
  const NoiseReinitializer reinitialise({}, 5, 6, 7);
  for (const at::ScalarType dtype : {at::kHalf, at::kBFloat16, at::kDouble}) {
    const at::Tensor diffused = randn(1, shape).to(dtype);
    const at::Tensor fresh = randn(2, shape).to(dtype);
    const at::Tensor result = reinitialise(diffused, fresh);
    EXPECT_EQ(result.scalar_type(), at::kFloat);
    EXPECT_TRUE(result.equal(reinitialise(diffused.to(at::kFloat), fresh.to(at::kFloat))));
  }
}

TEST(Reinitializer, LeavesItsInputsAloneAndTakesAnyLeadingSizes) {
  const Shape shape{4, 6, 8};
  const NoiseReinitializer reinitialise({}, 4, 6, 8);
  const at::Tensor diffused = randn(1, shape, 3, 2);
  const at::Tensor fresh = randn(2, shape, 3, 2);
  const at::Tensor copies[] = {diffused.clone(), fresh.clone()};
  const at::Tensor all = reinitialise(diffused, fresh);
  EXPECT_TRUE(diffused.equal(copies[0]));
  EXPECT_TRUE(fresh.equal(copies[1]));
  EXPECT_LE(golden::difference(all[2][1], reinitialise(diffused[2][1], fresh[2][1])), kTolerance);
  const at::Tensor strided = diffused.transpose(0, 1);
  EXPECT_LE(golden::difference(reinitialise(strided, fresh.transpose(0, 1)), all.transpose(0, 1)),
            kTolerance);
}

TEST(Reinitializer, MasksOfOnesAndZerosSelectOneInput) {
  const Shape shape{5, 7, 9};
  const at::Tensor diffused = randn(1, shape);
  const at::Tensor fresh = randn(2, shape);
  EXPECT_LE(golden::difference(NoiseReinitializer(at::ones({5, 7, 9}))(diffused, fresh), diffused),
            kTolerance);
  EXPECT_TRUE(NoiseReinitializer(at::zeros({5, 7, 9}))(diffused, fresh).equal(fresh));
  EXPECT_TRUE(NoiseReinitializer({FilterMethod::ideal, 4.0, 0.0, 0.25}, 5, 7, 9)(diffused, fresh)
                  .equal(fresh));
}

TEST(Reinitializer, RefusesInputsThatDoNotFit) {
  const NoiseReinitializer reinitialise({}, 4, 6, 8);
  const at::Tensor good = randn(1, {4, 6, 8});
  const auto code_of = [&](const at::Tensor& diffused, const at::Tensor& fresh) {
    return error_of([&] { (void)reinitialise(diffused, fresh); }).code();
  };
  const auto refused = freeinit::ErrorCode::invalid_argument;
  EXPECT_EQ(code_of(good[0][0][0], good), refused);
  EXPECT_EQ(code_of(randn(1, {4, 6, 9}), good), refused);
  EXPECT_EQ(code_of(good, good[0]), refused);
  EXPECT_EQ(code_of(good.to(at::kLong), good), refused);
  EXPECT_EQ(code_of({}, good), refused);
  EXPECT_EQ(error_of([] { NoiseReinitializer(at::ones({6, 8})); }).code(), refused);
  EXPECT_EQ(error_of([] { NoiseReinitializer(at::ones({4, 6, 8}, at::kLong)); }).code(), refused);
  EXPECT_EQ(error_of([] { NoiseReinitializer{at::Tensor()}; }).code(), refused);
  EXPECT_EQ(error_of([] { NoiseReinitializer({}, 4, 0, 8); }).code(), refused);
}

}  // namespace
}  // namespace noise_reinitializer_test
