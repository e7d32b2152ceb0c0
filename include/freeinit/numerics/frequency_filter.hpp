#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// The falloff of a low-pass filter; docs/numerics.md has the formulas.
enum class FilterMethod { butterworth, gaussian, ideal, box };

/// `official`: bit-equal in float32 to the authors' `freeinit_utils.py`, quirks included (the
/// radius of `ideal`, the half-open interval of `box`, masks that are not symmetric at odd sizes).
/// `strict`: the filter its name promises: distances from the true DC bin, symmetric for every
/// size, `ideal` with radius d_s, a symmetric `box` clamped to the spectrum.
enum class FilterVariant { official, strict };

/// Which axes a filter looks at. `temporal` keeps low frequencies of time at every spatial
/// frequency and knows temporal_stop_frequency alone; `spatial` the other way round.
enum class FilterAxes { spatio_temporal, temporal, spatial };

/// A low-pass filter over time, height and width. Frequencies are normalised: 1 is the Nyquist
/// frequency of each axis.
struct FrequencyFilterOptions {
  FilterMethod method = FilterMethod::butterworth;
  double order = 4.0;                     ///< n of the Butterworth filter, > 0; others ignore it
  double spatial_stop_frequency = 0.25;   ///< d_s in 0..1
  double temporal_stop_frequency = 0.25;  ///< d_t in 0..1
  FilterVariant variant = FilterVariant::official;
  FilterAxes axes = FilterAxes::spatio_temporal;

  /// Throws Error: invalid_argument for NaN or a value outside its range.
  FREEINIT_API void validate() const;

  friend bool operator==(const FrequencyFilterOptions&, const FrequencyFilterOptions&) = default;
};

/// Throws Error: invalid_argument with the known names.
[[nodiscard]] FREEINIT_API FilterMethod filter_method_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(FilterMethod method) noexcept;

/// Names of the command line: spatio-temporal, temporal, spatial. Throws as above.
[[nodiscard]] FREEINIT_API FilterAxes filter_axes_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(FilterAxes axes) noexcept;

/// The mask [frames, height, width], float32 on the CPU, centred as in the reference (DC at index
/// N/2 of each axis, the layout after `fftshift`). 1 keeps a frequency of the diffused latents, 0
/// takes it from fresh noise. With a stop frequency of 0 the mask is all zeros. Source: FreeInit
/// `freeinit_utils.py` (facts: d^2 = ((d_s/d_t)(2t/T-1))^2 + (2h/H-1)^2 + (2w/W-1)^2, evaluated in
/// double, stored as float32). A temporal filter has d^2 = (2t/T-1)^2 and radius d_t, a spatial one
/// d^2 = (2h/H-1)^2 + (2w/W-1)^2 and radius d_s. Throws Error: invalid_argument (options, a size
/// < 1).
[[nodiscard]] FREEINIT_API at::Tensor frequency_filter_mask(const FrequencyFilterOptions& options,
                                                            std::int64_t frames,
                                                            std::int64_t height,
                                                            std::int64_t width);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/numerics/frequency_filter_inl.hpp>
#endif
