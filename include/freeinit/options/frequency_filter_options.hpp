#pragma once

#include <freeinit/core/config.hpp>

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
  FilterMethod method = FilterMethod::butterworth;  ///< falloff of the filter
  double order = 4.0;                     ///< n of the Butterworth filter, > 0; others ignore it
  double spatial_stop_frequency = 0.25;   ///< d_s in 0..1
  double temporal_stop_frequency = 0.25;  ///< d_t in 0..1
  /// The authors' numbers, or the filter that its name promises.
  FilterVariant variant = FilterVariant::official;
  FilterAxes axes = FilterAxes::spatio_temporal;  ///< which axes count

  /// Throws Error: invalid_argument for NaN or a value outside its range.
  FREEINIT_API void validate() const;

  friend bool operator==(const FrequencyFilterOptions&, const FrequencyFilterOptions&) = default;
};

/// butterworth, gaussian, ideal, box. Throws Error: invalid_argument with the known names.
[[nodiscard]] FREEINIT_API FilterMethod filter_method_from_string(std::string_view name);
/// Its name in files and on the command line.
[[nodiscard]] FREEINIT_API std::string_view to_string(FilterMethod method) noexcept;

/// official, strict. Throws as above.
[[nodiscard]] FREEINIT_API FilterVariant filter_variant_from_string(std::string_view name);
/// Its name in files and on the command line.
[[nodiscard]] FREEINIT_API std::string_view to_string(FilterVariant variant) noexcept;

/// spatio-temporal, temporal, spatial. Throws as above.
[[nodiscard]] FREEINIT_API FilterAxes filter_axes_from_string(std::string_view name);
/// Its name in files and on the command line.
[[nodiscard]] FREEINIT_API std::string_view to_string(FilterAxes axes) noexcept;

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/options/frequency_filter_options_inl.hpp>
#endif
