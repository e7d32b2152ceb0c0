#pragma once

#include <freeinit/analysis/consistency.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <ATen/ops/dot.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_video(const char* name, const at::Tensor& video) {
  const bool usable = video.defined() && video.dim() >= 2 && video.size(0) >= 2 &&
                      video.numel() > 0 &&
                      (video.is_floating_point() || video.scalar_type() == at::kByte);
  if (usable) return;
  raise(ErrorCode::invalid_argument,
        concat(name, " '", video.defined() ? video.sizes() : at::IntArrayRef{},
               "': expected uint8 or floating point values of at least two frames, [F, ...]"));
}

/// Frame `index` as a vector in double, on the CPU; only one frame is ever widened.
FREEINIT_INLINE at::Tensor frame_vector(const at::Tensor& video, std::int64_t index) {
  return video.select(0, index).to(at::kCPU, at::kDouble).flatten();
}

/// A frame with its length.
struct MeasuredFrame {
  at::Tensor values;
  double norm = 0.0;

  explicit MeasuredFrame(at::Tensor vector)
      : values(std::move(vector)), norm(std::sqrt(at::dot(values, values).item<double>())) {}
};

FREEINIT_INLINE double cosine(const MeasuredFrame& a, const MeasuredFrame& b) {
  if (a.norm == 0.0 || b.norm == 0.0) return 0.0;
  return at::dot(a.values, b.values).item<double>() / (a.norm * b.norm);
}

}  // namespace detail

FREEINIT_INLINE ConsistencyScores consistency_scores(const at::Tensor& features) {
  detail::check_video("features", features);
  const detail::MeasuredFrame first(detail::frame_vector(features, 0));
  detail::MeasuredFrame former = first;
  ConsistencyScores sum;
  for (std::int64_t i = 1; i < features.size(0); ++i) {
    detail::MeasuredFrame current(detail::frame_vector(features, i));
    const double to_first = detail::cosine(first, current);
    const double to_former = detail::cosine(former, current);
    sum.temporal_consistency += to_first;
    sum.adjacent_consistency += to_former;
    sum.subject_consistency += (std::max(0.0, to_former) + std::max(0.0, to_first)) / 2.0;
    former = std::move(current);
  }
  const auto pairs = static_cast<double>(features.size(0) - 1);
  return {.temporal_consistency = sum.temporal_consistency / pairs,
          .subject_consistency = sum.subject_consistency / pairs,
          .adjacent_consistency = sum.adjacent_consistency / pairs};
}

FREEINIT_INLINE ChangeScores change_scores(const at::Tensor& video) {
  detail::check_video("video", video);
  const double scale = video.scalar_type() == at::kByte ? 1.0 / 255.0 : 1.0;
  at::Tensor former = detail::frame_vector(video, 0).mul(scale);
  at::Tensor mean = former.clone();      // Welford's running mean
  at::Tensor scatter = former.mul(0.0);  // and sum of squared deviations, pixel by pixel
  ChangeScores scores;
  for (std::int64_t i = 1; i < video.size(0); ++i) {
    const at::Tensor current = detail::frame_vector(video, i).mul(scale);
    const at::Tensor change = current.sub(former);
    scores.mean_absolute_change += change.abs().mean().item<double>();
    scores.motion_energy += change.square().mean().item<double>();
    const at::Tensor deviation = current.sub(mean);
    mean.add_(deviation, 1.0 / static_cast<double>(i + 1));
    scatter.addcmul_(deviation, current.sub(mean));
    former = current;
  }
  const auto pairs = static_cast<double>(video.size(0) - 1);
  scores.mean_absolute_change /= pairs;
  scores.motion_energy /= pairs;
  scores.temporal_deviation =
      std::sqrt(scatter.mean().item<double>() / static_cast<double>(video.size(0)));
  return scores;
}

}  // namespace freeinit::inline FREEINIT_ABI
