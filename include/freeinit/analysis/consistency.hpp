#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

namespace freeinit::inline FREEINIT_ABI {

/// How alike the frames of a video are, from one feature vector a frame; cosines, 1 is best.
struct ConsistencyScores {
  /// FreeInit's metric: mean cosine of the first frame to each later one (times 100 in the paper).
  double temporal_consistency = 0.0;
  /// VBench's `subject_consistency`: mean over the later frames of half the cosine to the frame
  /// before plus half the cosine to the first frame, each cut off below 0.
  double subject_consistency = 0.0;
  /// Mean cosine of neighbouring frames.
  double adjacent_consistency = 0.0;
};

/// `features` [F,...], F >= 2, uint8 or floating point: row i is frame i, flattened. With the
/// output of a network these are the published metrics; pixels or latents are features that need no
/// network. A frame that is all zero has cosine 0. Computed in double, frame by frame. Throws
/// Error: invalid_argument.
[[nodiscard]] FREEINIT_API ConsistencyScores consistency_scores(const at::Tensor& features);

/// How much a video changes over time.
struct ChangeScores {
  double mean_absolute_change = 0.0;  ///< mean |x_i - x_{i-1}| over pixels and neighbours
  double motion_energy = 0.0;         ///< mean (x_i - x_{i-1})^2
  double temporal_deviation = 0.0;    ///< root mean square of each pixel's deviation over time
};

/// `video` [F,...], F >= 2: frames as uint8, taken as 0..1 (value / 255), or floating point as it
/// is. Computed in double, frame by frame. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API ChangeScores change_scores(const at::Tensor& video);

/// VBench's `temporal_flickering`, (255 - mean absolute difference of neighbouring frames) / 255 on
/// bytes: 1 means a still picture. Of frames in 0..1 it is 1 - mean_absolute_change.
[[nodiscard]] inline double temporal_flickering(const ChangeScores& scores) noexcept {
  return 1.0 - scores.mean_absolute_change;
}

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/analysis/consistency_inl.hpp>
#endif
