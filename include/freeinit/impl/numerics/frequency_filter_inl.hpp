#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/impl/numerics/frequency_response_inl.hpp>
#include <freeinit/numerics/frequency_filter.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/StringUtil.h>

#include <cmath>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<FilterMethod, 4> kFilterMethodNames{{
    {"butterworth", FilterMethod::butterworth},
    {"gaussian", FilterMethod::gaussian},
    {"ideal", FilterMethod::ideal},
    {"box", FilterMethod::box},
}};

inline constexpr NameTable<FilterAxes, 3> kFilterAxesNames{{
    {"spatio-temporal", FilterAxes::spatio_temporal},
    {"temporal", FilterAxes::temporal},
    {"spatial", FilterAxes::spatial},
}};

/// The same filter with one stop frequency where it has only one: the formulas divide both.
FREEINIT_INLINE FrequencyFilterOptions with_one_stop(FrequencyFilterOptions options) {
  if (options.axes == FilterAxes::temporal) {
    options.spatial_stop_frequency = options.temporal_stop_frequency;
  } else if (options.axes == FilterAxes::spatial) {
    options.temporal_stop_frequency = options.spatial_stop_frequency;
  }
  return options;
}

FREEINIT_INLINE void check_stop_frequency(const char* name, double value) {
  // Below 1e-100 (and not 0) the squares of the formulas leave the range of a double.
  if (value == 0.0 || (value >= 1e-100 && value <= 1.0)) return;
  raise(
      ErrorCode::invalid_argument,
      c10::str(name, " '", value, "': outside its range; expected 0 to 1 (1 = Nyquist frequency)"));
}

}  // namespace detail

FREEINIT_INLINE FilterMethod filter_method_from_string(std::string_view name) {
  return value_from_name("filter method", name, detail::kFilterMethodNames);
}

FREEINIT_INLINE std::string_view to_string(FilterMethod method) noexcept {
  return name_of_value(method, detail::kFilterMethodNames);
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
          c10::str("order '", order, "': not a filter order; expected a finite number above 0"));
  }
}

FREEINIT_INLINE at::Tensor frequency_filter_mask(const FrequencyFilterOptions& given,
                                                 std::int64_t frames, std::int64_t height,
                                                 std::int64_t width) {
  given.validate();
  const FrequencyFilterOptions options = detail::with_one_stop(given);
  if (frames < 1 || height < 1 || width < 1) {
    raise(ErrorCode::invalid_argument, c10::str("mask size '", frames, "x", height, "x", width,
                                                "': not a size; expected at least 1x1x1"));
  }
  if (options.spatial_stop_frequency == 0.0 || options.temporal_stop_frequency == 0.0) {
    return at::zeros({frames, height, width}, at::kFloat);
  }
  const detail::MaskSize size{frames, height, width};
  at::Tensor mask = at::empty({frames, height, width}, at::kFloat);
  float* const values = mask.mutable_data_ptr<float>();
  if (options.method == FilterMethod::box) {
    detail::fill_box(options, size, values);
  } else {
    detail::fill_radial(options, size, values);
  }
  return mask;
}

}  // namespace freeinit::inline FREEINIT_ABI
