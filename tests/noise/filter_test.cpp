#include <freeinit/noise/frequency_filter.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "support/error_of.hpp"
#include "support/golden.hpp"

namespace filter_test {
namespace {

using freeinit::FilterMethod;
using freeinit::FilterVariant;
using freeinit::frequency_filter_mask;
using freeinit::FrequencyFilterOptions;

FrequencyFilterOptions strict(FilterMethod method, double d_s = 0.25, double d_t = 0.25) {
  return {method, 4.0, d_s, d_t, FilterVariant::strict};
}

TEST(Filter, EveryOfficialMaskIsBitEqual) {
  const auto cases = golden::json("numerics/filters.json")["cases"];
  ASSERT_GT(cases.size(), 300U);
  for (const auto& row : cases) {
    const FrequencyFilterOptions options{
        freeinit::filter_method_from_string(row["method"].get<std::string>()), row["order"],
        row["d_s"], row["d_t"], FilterVariant::official};
    const auto& shape = row["shape"];
    const at::Tensor mask = frequency_filter_mask(options, shape[0], shape[1], shape[2]);
    EXPECT_EQ(golden::fnv1a(mask), row["fnv1a"].get<std::string>())
        << row << "\nsum is " << mask.sum().item<double>();
  }
}

TEST(Filter, StoredMasksAgreeElementByElement) {
  for (const char* method : {"butterworth", "gaussian", "ideal", "box"}) {
    const FrequencyFilterOptions options{freeinit::filter_method_from_string(method), 4.0, 0.25,
                                         0.5, FilterVariant::official};
    const std::string file = "numerics/filters.safetensors";
    EXPECT_TRUE(frequency_filter_mask(options, 4, 6, 8)
                    .equal(golden::tensor(file, std::string(method) + "_4x6x8")));
    EXPECT_TRUE(frequency_filter_mask(options, 5, 7, 9)
                    .equal(golden::tensor(file, std::string(method) + "_5x7x9")));
  }
}

// Values that leave the double range on the way must still end as 0 or 1.
TEST(Filter, ExtremeSettingsStayFinite) {
  for (const double stop : {1e-100, 1e-6, 1.0}) {
    for (const double order : {1e-3, 4.0, 1e6}) {
      const at::Tensor mask =
          frequency_filter_mask({FilterMethod::butterworth, order, stop, stop}, 4, 5, 6);
      EXPECT_TRUE(mask.isfinite().all().item<bool>()) << stop << " " << order;
      EXPECT_GE(mask.min().item<float>(), 0.0F);
      EXPECT_LE(mask.max().item<float>(), 1.0F);
    }
  }
}

/// The mask with k and -k swapped on every axis, centred as before.
at::Tensor mirrored(const at::Tensor& mask) {
  at::Tensor result = mask.clone();
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    // Centred index i is frequency i - N/2, so -k stands at 2 (N/2) - i (mod N).
    const std::int64_t size = mask.size(axis);
    result = result.flip(axis).roll(2 * (size / 2) + 1 - size, axis);
  }
  return result;
}

TEST(Filter, StrictMasksAreSymmetricAtEverySize) {
  for (const FilterMethod method : {FilterMethod::butterworth, FilterMethod::gaussian,
                                    FilterMethod::ideal, FilterMethod::box}) {
    for (const auto& [t, h, w] : {std::array<std::int64_t, 3>{4, 6, 8},
                                  {5, 6, 8},
                                  {4, 7, 8},
                                  {5, 7, 9},
                                  {1, 1, 1},
                                  {15, 45, 33},
                                  {3, 80, 45}}) {
      const at::Tensor mask = frequency_filter_mask(strict(method, 0.7, 0.4), t, h, w);
      EXPECT_TRUE(mask.equal(mirrored(mask))) << to_string(method) << " " << t << h << w;
    }
  }
}

// The same check must see the asymmetry of the official masks, or it would check nothing.
TEST(Filter, OfficialMasksAreNotSymmetricAtOddSizes) {
  const at::Tensor odd = frequency_filter_mask({}, 15, 64, 64);
  EXPECT_NEAR(golden::difference(odd, mirrored(odd)), 0.765, 1e-3);
  const at::Tensor even = frequency_filter_mask({}, 16, 64, 64);
  EXPECT_TRUE(even.equal(mirrored(even)));
  const at::Tensor box = frequency_filter_mask({FilterMethod::box}, 16, 64, 64);
  EXPECT_EQ(golden::difference(box, mirrored(box)), 1.0);
}

TEST(Filter, StrictEqualsOfficialWhereTheOfficialOneHasNoQuirk) {
  for (const FilterMethod method : {FilterMethod::butterworth, FilterMethod::gaussian}) {
    EXPECT_LE(golden::difference(frequency_filter_mask(strict(method), 16, 64, 48),
                                 frequency_filter_mask({method}, 16, 64, 48)),
              1.2e-7);  // one float32 ulp at 1: 2(i - N/2)/N and 2i/N - 1 round apart for N = 48
  }
}

TEST(Filter, StrictIdealKeepsTheRadiusItNames) {
  const at::Tensor mask = frequency_filter_mask(strict(FilterMethod::ideal), 16, 64, 64);
  EXPECT_NEAR(mask.mean().item<double>(), 0.0075, 5e-4);
  EXPECT_EQ(mask[8][32][40].item<float>(), 1.0F);  // distance .25 exactly
  EXPECT_EQ(mask[8][32][41].item<float>(), 0.0F);
  EXPECT_NEAR(frequency_filter_mask({FilterMethod::ideal}, 16, 64, 64).mean().item<double>(), 0.185,
              5e-4);
}

TEST(Filter, StrictBoxKeepsBothBordersOfEachAxis) {
  const at::Tensor mask = frequency_filter_mask(strict(FilterMethod::box, 0.5, 0.25), 16, 10, 12);
  EXPECT_EQ(mask.sum().item<double>(), 5.0 * 5.0 * 7.0);  // frames 6..10, rows 3..7, columns 3..9
  EXPECT_EQ(mask[6][3][3].item<float>(), 1.0F);
  EXPECT_EQ(mask[10][7][9].item<float>(), 1.0F);
  EXPECT_EQ(frequency_filter_mask(strict(FilterMethod::box, 1.0, 1.0), 5, 8, 3).min().item<float>(),
            1.0F);
}

TEST(Filter, NamesGoBothWays) {
  for (const char* name : {"butterworth", "gaussian", "ideal", "box"}) {
    EXPECT_EQ(to_string(freeinit::filter_method_from_string(name)), name);
  }
  EXPECT_STREQ(error_of([] { (void)freeinit::filter_method_from_string("boxx"); }).what(),
               "filter method 'boxx': unknown; expected one of butterworth, gaussian, ideal, box");
}

TEST(Filter, RefusesSettingsOutsideTheirRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto code_of = [](const FrequencyFilterOptions& options, std::int64_t size = 4) {
    return error_of([&] { (void)frequency_filter_mask(options, size, 4, 4); }).code();
  };
  const auto refused = freeinit::ErrorCode::invalid_argument;
  EXPECT_EQ(code_of({FilterMethod::gaussian, 4.0, nan, 0.25}), refused);
  EXPECT_EQ(code_of({FilterMethod::gaussian, 4.0, 0.25, nan}), refused);
  EXPECT_EQ(code_of({FilterMethod::gaussian, 4.0, -0.1, 0.25}), refused);
  EXPECT_EQ(code_of({FilterMethod::gaussian, 4.0, 0.25, 1.01}), refused);
  EXPECT_EQ(code_of({FilterMethod::gaussian, 4.0, 1e-200, 0.25}), refused);
  EXPECT_EQ(code_of({FilterMethod::butterworth, 0.0}), refused);
  EXPECT_EQ(code_of({FilterMethod::butterworth, nan}), refused);
  EXPECT_EQ(code_of({FilterMethod::butterworth, INFINITY}), refused);
  EXPECT_EQ(code_of({}, 0), refused);
}

}  // namespace
}  // namespace filter_test
