#pragma once

#include <cstdint>
#include <span>

namespace freeinit_cli {

/// What a filter does, in figures.
struct MaskFigures {
  double kept_share = 0;       ///< mean of the mask: share of the frequencies taken from the video
  std::int64_t kept_bins = 0;  ///< frequencies with a mask of at least one half
  double variance_kept = 0;    ///< variance of the mix of white noises; left to mix_variance
  double symmetry_error = 0;   ///< largest |M(k) - M(-k)|; what is not 0, the mix averages away
  double dc = 0;               ///< mask at frequency zero
};

/// `mask`: [frames, height, width], row-major, frequency zero at index N/2 of each axis.
[[nodiscard]] MaskFigures mask_figures(std::span<const float> mask, std::int64_t frames,
                                       std::int64_t height, std::int64_t width);

}  // namespace freeinit_cli
