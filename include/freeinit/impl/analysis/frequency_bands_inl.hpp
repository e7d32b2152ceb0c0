#pragma once

#include <freeinit/analysis/frequency_bands.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/fft_fftn.h>
#include <ATen/ops/real.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// (2k/N)^2 of each unshifted bin k, with k counted as a signed frequency.
FREEINIT_INLINE std::vector<double> squared_frequencies(std::int64_t size) {
  std::vector<double> squares;
  for (std::int64_t k = 0; k < size; ++k) {
    const auto frequency = static_cast<double>(std::min(k, size - k));
    const double normalised = 2.0 * frequency / static_cast<double>(size);
    squares.push_back(normalised * normalised);
  }
  return squares;
}

FREEINIT_INLINE void check_band_edges(const std::vector<double>& edges) {
  double last = 0.0;
  for (const double edge : edges) {
    if (!(edge > last) || !std::isfinite(edge)) {
      raise(ErrorCode::invalid_argument,
            concat("band edge '", edge, "': expected ascending frequencies above ", last));
    }
    last = edge;
  }
}

/// The band of distance `d`: 0 for d = 0, 1 for (0, e_1], ...
FREEINIT_INLINE std::int64_t band_of_distance(double d, const std::vector<double>& edges) {
  if (d == 0.0) return 0;
  // Distances that are meant to lie on an edge may be off by a rounding.
  const auto edge = std::find_if(edges.begin(), edges.end(),
                                 [d](double upper) { return d <= upper * (1.0 + 1e-12); });
  return 1 + (edge - edges.begin());
}

/// The bands of `edges` with their limits, still with the empty ones.
FREEINIT_INLINE std::vector<FrequencyBand> bands_between(const std::vector<double>& edges) {
  std::vector<FrequencyBand> bands{{.lower = -1.0, .upper = 0.0}};
  for (const double edge : edges) bands.push_back({.lower = bands.back().upper, .upper = edge});
  bands.push_back({.lower = bands.back().upper, .upper = std::sqrt(3.0)});
  return bands;
}

/// Refuses a tensor that is not [..., frames, height, width] in floating point.
FREEINIT_INLINE void check_spectrum_shape(const char* name, const at::Tensor& values,
                                          const std::array<std::int64_t, 3>& size) {
  const std::int64_t n = values.defined() ? values.dim() : 0;
  const bool fits =
      n >= 3 && values.sizes().slice(static_cast<std::size_t>(n - 3)) == at::IntArrayRef(size);
  if (fits && values.is_floating_point()) return;
  raise(ErrorCode::invalid_argument,
        concat(name, " '", values.defined() ? values.sizes() : at::IntArrayRef{},
               "': expected floating point values of shape [..., ", size[0], ", ", size[1], ", ",
               size[2], "]"));
}

/// How many spectra [T,H,W] a tensor [..., T,H,W] holds.
FREEINIT_INLINE double leading_count(const at::Tensor& video) {
  const std::int64_t count = video.numel() / (video.size(-3) * video.size(-2) * video.size(-1));
  return static_cast<double>(count);
}

}  // namespace detail

FREEINIT_INLINE FrequencyBands::FrequencyBands(std::int64_t frames, std::int64_t height,
                                               std::int64_t width, const std::vector<double>& edges)
    : frames_(frames), height_(height), width_(width) {
  if (frames < 1 || height < 1 || width < 1) {
    raise(ErrorCode::invalid_argument,
          concat("video of ", frames, "x", height, "x", width, ": expected sizes of at least 1"));
  }
  detail::check_band_edges(edges);
  bands_ = detail::bands_between(edges);
  band_of_bin_ = at::empty({frames * height * width}, at::kLong);
  auto* band_of_bin = band_of_bin_.mutable_data_ptr<std::int64_t>();
  for (const double t : detail::squared_frequencies(frames)) {
    for (const double h : detail::squared_frequencies(height)) {
      for (const double w : detail::squared_frequencies(width)) {
        const auto band = detail::band_of_distance(std::sqrt(t + h + w), edges);
        *band_of_bin++ = band;
        ++bands_[static_cast<std::size_t>(band)].bins;
      }
    }
  }
  // Renumber without the empty bands.
  const at::Tensor renumbered = at::zeros({static_cast<std::int64_t>(bands_.size())}, at::kLong);
  std::int64_t next = 0;
  for (std::size_t i = 0; i < bands_.size(); ++i) {
    renumbered[static_cast<std::int64_t>(i)] = bands_[i].bins > 0 ? next++ : 0;
  }
  band_of_bin_ = renumbered.index_select(0, band_of_bin_);
  std::erase_if(bands_, [](const FrequencyBand& band) { return band.bins == 0; });
}

FREEINIT_INLINE at::Tensor FrequencyBands::spectrum(const at::Tensor& video) const {
  detail::check_spectrum_shape("video", video, {frames_, height_, width_});
  constexpr std::int64_t dims[] = {-3, -2, -1};
  return at::fft_fftn(video.to(at::kCPU, at::kDouble), std::nullopt, dims, "ortho");
}

FREEINIT_INLINE std::vector<double> FrequencyBands::sums(const at::Tensor& values) const {
  detail::check_spectrum_shape("values", values, {frames_, height_, width_});
  const at::Tensor by_bin =
      values.to(at::kCPU, at::kDouble).reshape({-1, frames_ * height_ * width_}).sum(0);
  const auto count = static_cast<std::int64_t>(bands_.size());
  const at::Tensor sums = at::zeros({count}, at::kDouble).index_add(0, band_of_bin_, by_bin);
  const auto* const data = sums.const_data_ptr<double>();
  return {data, data + count};
}

FREEINIT_INLINE std::vector<double> band_power(const FrequencyBands& bands,
                                               const at::Tensor& video) {
  const at::Tensor spectrum = bands.spectrum(video);
  std::vector<double> power = bands.sums(spectrum.abs().square());
  const double videos = detail::leading_count(video);
  for (std::size_t i = 0; i < power.size(); ++i) {
    power[i] /= videos * static_cast<double>(bands.bands()[i].bins);
  }
  return power;
}

FREEINIT_INLINE BandFit fit_bands(const FrequencyBands& bands, const at::Tensor& signal,
                                  const at::Tensor& noised) {
  const at::Tensor x = bands.spectrum(signal);
  const at::Tensor z = bands.spectrum(noised);
  if (x.sizes() != z.sizes()) {
    raise(ErrorCode::invalid_argument,
          concat("noised video '", z.sizes(), "': expected the signal's shape, ", x.sizes()));
  }
  const auto xx = bands.sums(x.abs().square());
  const auto zz = bands.sums(z.abs().square());
  const auto xz = bands.sums(at::real(x.conj().mul(z)));
  const double videos = detail::leading_count(signal);
  BandFit fit;
  for (std::size_t i = 0; i < xx.size(); ++i) {
    const double gain = xx[i] > 0.0 ? xz[i] / xx[i] : 0.0;
    const double unexplained = zz[i] > 0.0 ? 1.0 - gain * xz[i] / zz[i] : 1.0;
    const double n = videos * static_cast<double>(bands.bands()[i].bins);
    fit.gain.push_back(gain);
    fit.share.push_back(n > 1.0 ? 1.0 - unexplained * n / (n - 1.0) : 0.0);
  }
  return fit;
}

FREEINIT_INLINE std::vector<double> signal_to_noise(const std::vector<double>& share) {
  std::vector<double> ratio;
  for (const double value : share) ratio.push_back(value / (1.0 - value));
  return ratio;
}

}  // namespace freeinit::inline FREEINIT_ABI
