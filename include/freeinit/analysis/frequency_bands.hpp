#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// A shell of spatio-temporal frequencies: lower < d <= upper, where
/// d^2 = (2t/T)^2 + (2h/H)^2 + (2w/W)^2 over signed frequencies, so that 1 is the Nyquist frequency
/// of an axis. It is FreeInit's distance for d_s = d_t.
struct FrequencyBand {
  double lower = 0.0;     ///< -1 for the band of d = 0 alone
  double upper = 0.0;     ///< the last band ends at sqrt(3), the farthest corner
  std::int64_t bins = 0;  ///< frequencies of the full spectrum inside, at least 1
  friend constexpr bool operator==(const FrequencyBand&, const FrequencyBand&) = default;
};

/// The frequencies of a video sorted into radial bands: d = 0, then (0, e_1], (e_1, e_2], ... and
/// what lies beyond the last edge. Bands that hold no frequency of this size are left out.
class FREEINIT_API FrequencyBands {
 public:
  /// Octaves around FreeInit's stop frequency 0.25.
  [[nodiscard]] static std::vector<double> default_edges() {
    return {0.0625, 0.125, 0.25, 0.5, 1.0};
  }

  /// For videos of frames x height x width. `edges` ascending, above 0. Throws Error:
  /// invalid_argument.
  FrequencyBands(std::int64_t frames, std::int64_t height, std::int64_t width,
                 const std::vector<double>& edges = default_edges());

  /// From low to high.
  [[nodiscard]] const std::vector<FrequencyBand>& bands() const noexcept { return bands_; }

  /// The spectrum [..., T,H,W] of a video of that shape, complex128 on the CPU, scaled so that
  /// white noise of variance 1 has power 1 at every frequency. Throws Error: invalid_argument.
  [[nodiscard]] at::Tensor spectrum(const at::Tensor& video) const;

  /// For each band the sum over its frequencies and over all leading dimensions of `values`
  /// [..., T,H,W] (floating point). Throws Error: invalid_argument.
  [[nodiscard]] std::vector<double> sums(const at::Tensor& values) const;

 private:
  std::int64_t frames_, height_, width_;
  std::vector<FrequencyBand> bands_;
  at::Tensor band_of_bin_;  ///< int64 [T*H*W]
};

/// Mean power of each band: 1 in each for white noise of variance 1. `video` [..., T,H,W].
/// Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API std::vector<double> band_power(const FrequencyBands& bands,
                                                          const at::Tensor& video);

/// What part of `noised` is explained by `signal`, band by band: the least-squares fit
/// noised = a signal + rest.
struct BandFit {
  std::vector<double> gain;  ///< a
  /// Power of a signal over power of noised, less what a fit finds by chance: with R^2 the squared
  /// correlation and n the values of the band, 1 - (1 - R^2) n / (n - 1). Its mean is 0 for
  /// independent noise, so single values may lie below.
  std::vector<double> share;
};

/// Both [..., T,H,W] of one shape. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API BandFit fit_bands(const FrequencyBands& bands, const at::Tensor& signal,
                                             const at::Tensor& noised);

/// The signal-to-noise ratio behind each share: share / (1 - share), infinite for 1.
[[nodiscard]] FREEINIT_API std::vector<double> signal_to_noise(const std::vector<double>& share);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/analysis/frequency_bands_inl.hpp>
#endif
