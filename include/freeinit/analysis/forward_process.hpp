#pragma once

#include <freeinit/analysis/noise_statistics.hpp>
#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// How a forward process is looked at.
struct ForwardAnalysisOptions {
  /// Training timesteps, ascending; empty: nine from 0 to the last one, evenly spaced.
  std::vector<std::int64_t> timesteps{};
  /// Ascending; 1 is the Nyquist frequency of an axis.
  std::vector<double> band_edges = FrequencyBands::default_edges();
  std::int64_t num_draws = 8;  ///< noises a timestep is measured with
  std::uint64_t seed = 0;      ///< of the noises
  double low_stop = 0.25;      ///< where low spatial frequencies end (frame correlation)
};

/// The clip at one timestep.
struct ForwardLevel {
  std::int64_t timestep = 0;   ///< of the training timesteps, from 0
  double alpha_cumprod = 0.0;  ///< abar of the schedule at that timestep
  /// By band, from the clip's spectrum alone: abar s^2 P / (1 - abar), s the schedule's
  /// `dynamic_rescale` (1 without).
  std::vector<double> expected_snr;
  /// By band: the part of the noised clip's power that is the clip, SNR / (1 + SNR).
  std::vector<double> expected_share;
  NoiseStatistics measured;  ///< mean over the draws, the clip as signal
};

/// The initialisation gap of one or several clips: what the forward process leaves of them.
struct ForwardAnalysis {
  std::vector<FrequencyBand> bands;  ///< of all figures "by band", from low to high
  std::vector<double> power;         ///< of the clip, by band
  std::vector<ForwardLevel> levels;  ///< by timestep
  NoiseStatistics gaussian;          ///< of Gaussian noise measured in the same way, same draws
};

/// Measures how much of `latents` [B,C,F,h,w] (clips as the model samples them) the forward process
/// of `schedule` leaves at each timestep. Draws `num_draws` noises from `seed`, the same ones for
/// every timestep and for the comparison with Gaussian noise. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API ForwardAnalysis
analyze_forward_process(const at::Tensor& latents, const NoiseSchedule& schedule,
                        const ForwardAnalysisOptions& options = {});

/// Element-wise mean over clips with the same bands and timesteps. Throws Error: invalid_argument
/// for an empty list or different bands.
[[nodiscard]] FREEINIT_API ForwardAnalysis
mean_analysis(const std::vector<ForwardAnalysis>& analyses);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/analysis/forward_process_inl.hpp>
#endif
