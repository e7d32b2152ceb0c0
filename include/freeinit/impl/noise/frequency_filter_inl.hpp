#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/noise/frequency_response_inl.hpp>
#include <freeinit/noise/frequency_filter.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/StringUtil.h>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The same filter with one stop frequency where it has only one: the formulas divide both.
FREEINIT_INLINE FrequencyFilterOptions with_one_stop(FrequencyFilterOptions options) {
  if (options.axes == FilterAxes::temporal) {
    options.spatial_stop_frequency = options.temporal_stop_frequency;
  } else if (options.axes == FilterAxes::spatial) {
    options.temporal_stop_frequency = options.spatial_stop_frequency;
  }
  return options;
}

}  // namespace detail

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
