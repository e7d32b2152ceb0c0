#pragma once

#include <freeinit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <c10/util/StringUtil.h>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_floating_point(const char* name, const at::Tensor& tensor) {
  if (tensor.is_floating_point()) return;
  raise(ErrorCode::invalid_argument, c10::str(name, " '", tensor.scalar_type(),
                                              "': wrong dtype; expected a floating point one"));
}

FREEINIT_INLINE void check_same_kind(const char* name, const at::Tensor& tensor,
                                     const at::Tensor& sample) {
  if (!tensor.defined() || !sample.defined()) {
    raise(ErrorCode::invalid_argument, c10::str(name, ": undefined tensor; expected latents"));
  }
  if (tensor.sizes() == sample.sizes() && tensor.scalar_type() == sample.scalar_type() &&
      tensor.device() == sample.device()) {
    return;
  }
  raise(ErrorCode::invalid_argument,
        c10::str(name, " '", tensor.sizes(), " ", tensor.scalar_type(), " ", tensor.device(),
                 "': does not fit the sample; expected ", sample.sizes(), " ", sample.scalar_type(),
                 " ", sample.device()));
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
