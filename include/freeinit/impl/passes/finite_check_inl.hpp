#pragma once

// NaN and infinity: found once a pass, so that the device is not waited for after every step.

#include <freeinit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/nonzero.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Refuses a tensor with NaN or infinity and names the first place. Waits for the device. `where`
/// and `what` begin the message. Throws Error: model.
FREEINIT_INLINE void check_finite(const at::Tensor& tensor, const std::string& where,
                                  const char* what) {
  const at::Tensor finite = at::isfinite(tensor);
  if (finite.all().item<bool>()) return;
  const at::Tensor place = finite.logical_not().nonzero()[0].to(at::kCPU);
  at::Tensor value = tensor;
  for (std::int64_t dim = 0; dim < place.numel(); ++dim) {
    value = value.select(0, place[dim].item<std::int64_t>());
  }
  const bool is_nan = std::isnan(value.item<double>());
  raise(ErrorCode::model,
        c10::str(where, ": ", what, is_nan ? " NaN" : " infinity", ", first at [",
                 c10::Join(", ", c10::IntArrayRef(place.const_data_ptr<std::int64_t>(),
                                                  static_cast<std::size_t>(place.numel()))),
                 "]; expected finite numbers"));
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
