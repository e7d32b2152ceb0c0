#include "support/error_of.hpp"
#include "support/golden.hpp"

#include <freeinit/analysis/noise_statistics.hpp>
#include <freeinit/noise/noise_source.hpp>

#include <ATen/Functions.h>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

namespace frequency_bands_test {

using freeinit::FrequencyBands;

// Both sides compute in double; only the input is float32.
constexpr double kTolerance = 1e-9;
constexpr const char* kFile = "analysis/spectra.safetensors";

void expect_near(const std::vector<double>& ours, const std::vector<double>& theirs) {
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_NEAR(ours[i], theirs[i], kTolerance * (1 + std::abs(theirs[i]))) << "band " << i;
  }
}

TEST(FrequencyBands, EqualANumpySpectrum) {
  const auto golden_figures = golden::json("analysis/spectra.json");
  for (const std::string name : {"even", "odd"}) {
    SCOPED_TRACE(name);
    const auto& expected = golden_figures[name];
    const at::Tensor signal = golden::tensor(kFile, name + ".signal");
    const at::Tensor noised = golden::tensor(kFile, name + ".noised");
    const FrequencyBands bands(signal.size(2), signal.size(3), signal.size(4));
    std::vector<std::int64_t> bins;
    for (const auto& band : bands.bands()) bins.push_back(band.bins);
    EXPECT_EQ(bins, expected["bins"].get<std::vector<std::int64_t>>());
    expect_near(freeinit::band_power(bands, signal), expected["power"]);

    const auto statistics = freeinit::noise_statistics(bands, noised, signal);
    EXPECT_NEAR(statistics.frame_correlation, expected["frame_correlation"], 1e-6);
    EXPECT_NEAR(statistics.low_frame_correlation, expected["low_frame_correlation"], 1e-6);
    const std::vector<double> share = expected["share"];
    ASSERT_EQ(statistics.share.size(), share.size());
    // The reference saw the noised latents before they were rounded to float32.
    for (std::size_t i = 0; i < share.size(); ++i) EXPECT_NEAR(statistics.share[i], share[i], 1e-6);
  }
}

TEST(FrequencyBands, AWaveFallsIntoItsBand) {
  // 3 periods over 16 frames: 2 * 3 / 16 = 0.375, in (0.25, 0.5].
  const at::Tensor time = at::arange(16, at::kDouble).mul(2 * std::numbers::pi * 3 / 16);
  const at::Tensor video = time.cos().reshape({16, 1, 1}).expand({16, 8, 8});
  const FrequencyBands bands(16, 8, 8);
  const auto power = freeinit::band_power(bands, video);
  for (std::size_t i = 0; i < power.size(); ++i) {
    const bool inside = bands.bands()[i].lower == 0.25;
    if (inside) {
      EXPECT_NEAR(power[i] * double(bands.bands()[i].bins), 16 * 8 * 8 / 2.0, 1e-9);
    } else {
      EXPECT_NEAR(power[i], 0.0, 1e-12);
    }
  }
}

TEST(FrequencyBands, WhiteNoiseHasPowerOneAndNothingOfASignal) {
  freeinit::NoiseSource source(3);
  const std::int64_t shape[] = {8, 4, 16, 16, 16};
  const at::Tensor noise = source.draw(shape);
  const at::Tensor signal = source.draw(shape);
  const FrequencyBands bands(16, 16, 16);
  const auto statistics = freeinit::noise_statistics(bands, noise, signal);
  for (std::size_t i = 0; i < statistics.power.size(); ++i) {
    // Five standard errors: chi-squared over 32 values a bin, and a squared correlation of 1/n.
    const auto values = 32.0 * double(bands.bands()[i].bins);
    EXPECT_NEAR(statistics.power[i], 1.0, 5 * std::sqrt(2 / values)) << i;
    EXPECT_NEAR(statistics.share[i], 0.0, 12 / values) << i;
  }
  EXPECT_NEAR(statistics.frame_correlation, 0.0, 5 / std::sqrt(1024.0 * 8 * 15));
}

TEST(FrequencyBands, FitFindsGainAndShare) {
  freeinit::NoiseSource source(4);
  const at::Tensor signal = source.draw({2, 4, 8, 8, 8});
  const at::Tensor rest = source.draw({2, 4, 8, 8, 8});
  const FrequencyBands bands(8, 8, 8, {0.5});
  const auto fit = freeinit::fit_bands(bands, signal, signal.mul(3.0).add(rest));
  EXPECT_NEAR(fit.gain.back(), 3.0, 0.1);
  EXPECT_NEAR(fit.share.back(), 0.9, 0.02);
  EXPECT_NEAR(freeinit::signal_to_noise({0.9}).front(), 9.0, 1e-9);
  const auto same = freeinit::fit_bands(bands, signal, signal);
  for (const double share : same.share) EXPECT_NEAR(share, 1.0, 1e-9);
}

TEST(FrequencyBands, RefusesWhatItCannotSort) {
  EXPECT_ERROR(invalid_argument, "band edge '0.2'", FrequencyBands(4, 4, 4, {0.5, 0.2}));
  EXPECT_ERROR(invalid_argument, "band edge '0'", FrequencyBands(4, 4, 4, {0.0}));
  EXPECT_ERROR(invalid_argument, "0x4x4", FrequencyBands(0, 4, 4));
  const FrequencyBands bands(4, 4, 4);
  EXPECT_ERROR(invalid_argument, "[4, 4, 5]", bands.spectrum(at::zeros({4, 4, 5})));
  EXPECT_ERROR(invalid_argument, "signal's shape",
               freeinit::fit_bands(bands, at::zeros({2, 4, 4, 4}), at::zeros({4, 4, 4})));
  EXPECT_ERROR(invalid_argument, "[C, F", freeinit::frame_correlation(at::zeros({4, 4, 4})));
  EXPECT_ERROR(invalid_argument, "at least one", freeinit::mean_statistics({}));
  // A share that some have and others not is nobody's mean.
  EXPECT_ERROR(invalid_argument, "share of 2 and 0; expected the same bands",
               freeinit::mean_statistics(
                   {{.power = {1, 1}, .share = {1, 1}}, {.power = {1, 1}, .share = {}}}));
  EXPECT_ERROR(invalid_argument, "values '[4, 4]'", bands.sums(at::zeros({4, 4})));
  EXPECT_ERROR(invalid_argument, "[F, F]", freeinit::adjacent_mean(at::zeros({2, 3})));
}

}  // namespace frequency_bands_test
