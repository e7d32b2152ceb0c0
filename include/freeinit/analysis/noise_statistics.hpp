#pragma once

#include <freeinit/analysis/frequency_bands.hpp>
#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Cosines between the frames of `video` [C,F,h,w] as a tensor [F,F] float64. `stop_frequency`
/// below 1 compares only the spatial frequencies sqrt((2h/H)^2 + (2w/W)^2) <= stop_frequency of
/// each frame, which keeps independent frames independent. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API at::Tensor frame_correlation(const at::Tensor& video,
                                                        double stop_frequency = 1.0);

/// Mean of a matrix [F,F] (floating point) over pairs of neighbouring frames; 0 for a single frame.
/// Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API double adjacent_mean(const at::Tensor& frame_correlation);

/// What tells a tensor of noise from Gaussian noise: white Gaussian noise has power 1 in every
/// band, no correlation between frames, and nothing of the signal.
struct NoiseStatistics {
  std::vector<double> power;           ///< by band
  std::vector<double> share;           ///< by band, as BandFit; empty without a signal
  double frame_correlation = 0.0;      ///< mean cosine of neighbouring frames
  double low_frame_correlation = 0.0;  ///< the same over low spatial frequencies
};

/// `noise` [B,C,F,h,w], `signal` of the same shape or undefined; videos of the batch are pooled.
/// `low_stop`: where low spatial frequencies end. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API NoiseStatistics noise_statistics(const FrequencyBands& bands,
                                                            const at::Tensor& noise,
                                                            const at::Tensor& signal = {},
                                                            double low_stop = 0.25);

/// Element-wise mean over several statistics with the same bands. Throws Error: invalid_argument
/// for an empty list.
[[nodiscard]] FREEINIT_API NoiseStatistics
mean_statistics(const std::vector<NoiseStatistics>& statistics);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/analysis/noise_statistics_inl.hpp>
#endif
