#pragma once

#include <freeinit/analysis/noise_statistics.hpp>
#include <freeinit/core/checks.hpp>
#include <freeinit/impl/analysis/frequency_bands_inl.hpp>

#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/view_as_real.h>

#include <cmath>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// 1 where a spatial frequency is at most `stop`, else 0: [height, width] float64.
FREEINIT_INLINE at::Tensor spatial_low_mask(std::int64_t height, std::int64_t width, double stop) {
  std::vector<double> mask;
  for (const double h : squared_frequencies(height)) {
    for (const double w : squared_frequencies(width)) {
      mask.push_back(std::sqrt(h + w) <= stop * (1.0 + 1e-12) ? 1.0 : 0.0);
    }
  }
  return at::from_blob(mask.data(), {height, width}, at::kDouble).clone();
}

/// What one row of `video` [C,F,h,w] is compared by: [F, values] float64.
FREEINIT_INLINE at::Tensor frame_vectors(const at::Tensor& video, double stop_frequency) {
  const at::Tensor frames = video.to(at::kCPU, at::kDouble).transpose(0, 1);  // [F,C,h,w]
  if (stop_frequency >= 1.0) return frames.reshape({frames.size(0), -1});
  const at::Tensor mask = spatial_low_mask(video.size(2), video.size(3), stop_frequency);
  const at::Tensor spectrum = at::fft_fft2(frames).mul(mask);
  return at::view_as_real(spectrum.contiguous()).reshape({frames.size(0), -1});
}

/// Adds factor * values to a sum that begins empty.
FREEINIT_INLINE void add_scaled(std::vector<double>& sum, const std::vector<double>& values,
                                double factor) {
  if (sum.empty()) sum.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) sum[i] += factor * values[i];
}

}  // namespace detail

FREEINIT_INLINE at::Tensor frame_correlation(const at::Tensor& video, double stop_frequency) {
  if (!video.defined() || video.dim() != 4 || video.numel() == 0 || !video.is_floating_point()) {
    raise(ErrorCode::invalid_argument,
          concat("video '", video.defined() ? video.sizes() : at::IntArrayRef{},
                 "': expected floating point values of shape [C, F, height, width]"));
  }
  check_at_least("stop frequency", stop_frequency, 0.0);
  const at::Tensor vectors = detail::frame_vectors(video, stop_frequency);
  const at::Tensor unit = vectors.div(vectors.norm(2, {1}, true).clamp_min(1e-300));
  return unit.matmul(unit.t());
}

FREEINIT_INLINE double adjacent_mean(const at::Tensor& frame_correlation) {
  if (!frame_correlation.defined() || frame_correlation.dim() != 2 ||
      frame_correlation.size(0) != frame_correlation.size(1) ||
      !frame_correlation.is_floating_point()) {
    raise(ErrorCode::invalid_argument,
          concat("frame correlation '",
                 frame_correlation.defined() ? frame_correlation.sizes() : at::IntArrayRef{},
                 "': expected floating point values of shape [F, F]"));
  }
  if (frame_correlation.size(0) < 2) return 0.0;
  return frame_correlation.diagonal(1).mean().item<double>();
}

FREEINIT_INLINE NoiseStatistics noise_statistics(const FrequencyBands& bands,
                                                 const at::Tensor& noise, const at::Tensor& signal,
                                                 double low_stop) {
  if (!noise.defined() || noise.dim() != 5) {
    raise(ErrorCode::invalid_argument,
          concat("noise '", noise.defined() ? noise.sizes() : at::IntArrayRef{},
                 "': expected [B, C, F, height, width]"));
  }
  NoiseStatistics statistics;
  statistics.power = band_power(bands, noise);
  if (signal.defined()) statistics.share = fit_bands(bands, signal, noise).share;
  const auto videos = static_cast<double>(noise.size(0));
  for (std::int64_t i = 0; i < noise.size(0); ++i) {
    const at::Tensor video = noise.select(0, i);
    statistics.frame_correlation += adjacent_mean(frame_correlation(video)) / videos;
    statistics.low_frame_correlation += adjacent_mean(frame_correlation(video, low_stop)) / videos;
  }
  return statistics;
}

FREEINIT_INLINE NoiseStatistics mean_statistics(const std::vector<NoiseStatistics>& statistics) {
  if (statistics.empty()) {
    raise(ErrorCode::invalid_argument, "statistics: empty list; expected at least one");
  }
  const NoiseStatistics& first = statistics.front();
  const double factor = 1.0 / static_cast<double>(statistics.size());
  NoiseStatistics mean;
  for (const NoiseStatistics& one : statistics) {
    if (one.power.size() != first.power.size() || one.share.size() != first.share.size()) {
      raise(ErrorCode::invalid_argument,
            concat("statistics: power of ", first.power.size(), " and ", one.power.size(),
                   " bands, share of ", first.share.size(), " and ", one.share.size(),
                   "; expected the same bands"));
    }
    detail::add_scaled(mean.power, one.power, factor);
    detail::add_scaled(mean.share, one.share, factor);
    mean.frame_correlation += factor * one.frame_correlation;
    mean.low_frame_correlation += factor * one.low_frame_correlation;
  }
  return mean;
}

}  // namespace freeinit::inline FREEINIT_ABI
