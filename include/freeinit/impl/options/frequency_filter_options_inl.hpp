#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/options/frequency_filter_options.hpp>

#include <cmath>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<FilterMethod, 4> kFilterMethodNames{{
    {"butterworth", FilterMethod::butterworth},
    {"gaussian", FilterMethod::gaussian},
    {"ideal", FilterMethod::ideal},
    {"box", FilterMethod::box},
}};

inline constexpr NameTable<FilterVariant, 2> kFilterVariantNames{{
    {"official", FilterVariant::official},
    {"strict", FilterVariant::strict},
}};

inline constexpr NameTable<FilterAxes, 3> kFilterAxesNames{{
    {"spatio-temporal", FilterAxes::spatio_temporal},
    {"temporal", FilterAxes::temporal},
    {"spatial", FilterAxes::spatial},
}};

FREEINIT_INLINE void check_stop_frequency(const char* name, double value) {
  // Below 1e-100 (and not 0) the squares of the formulas leave the range of a double.
  if (value == 0.0 || (value >= 1e-100 && value <= 1.0)) return;
  raise(ErrorCode::invalid_argument,
        concat(name, " '", value, "': outside its range; expected 0 to 1 (1 = Nyquist frequency)"));
}

}  // namespace detail

FREEINIT_INLINE FilterMethod filter_method_from_string(std::string_view name) {
  return value_from_name("filter method", name, detail::kFilterMethodNames);
}

FREEINIT_INLINE std::string_view to_string(FilterMethod method) noexcept {
  return name_of_value(method, detail::kFilterMethodNames);
}

FREEINIT_INLINE FilterVariant filter_variant_from_string(std::string_view name) {
  return value_from_name("filter variant", name, detail::kFilterVariantNames);
}

FREEINIT_INLINE std::string_view to_string(FilterVariant variant) noexcept {
  return name_of_value(variant, detail::kFilterVariantNames);
}

FREEINIT_INLINE FilterAxes filter_axes_from_string(std::string_view name) {
  return value_from_name("filter axes", name, detail::kFilterAxesNames);
}

FREEINIT_INLINE std::string_view to_string(FilterAxes axes) noexcept {
  return name_of_value(axes, detail::kFilterAxesNames);
}

FREEINIT_INLINE void FrequencyFilterOptions::validate() const {
  detail::check_stop_frequency("spatial_stop_frequency", spatial_stop_frequency);
  detail::check_stop_frequency("temporal_stop_frequency", temporal_stop_frequency);
  if (!(order > 0.0) || !std::isfinite(order)) {
    raise(ErrorCode::invalid_argument,
          concat("order '", order, "': not a filter order; expected a finite number above 0"));
  }
}

}  // namespace freeinit::inline FREEINIT_ABI
