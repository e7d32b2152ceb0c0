#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/networks/dtype.hpp>

#include <c10/core/ScalarType.h>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE at::ScalarType dtype_from_string(const std::string& name) {
  if (name == "float32") return at::kFloat;
  if (name == "float16") return at::kHalf;
  if (name == "bfloat16") return at::kBFloat16;
  raise(ErrorCode::invalid_argument,
        "dtype '" + name + "': unknown; expected float32, float16 or bfloat16");
}

FREEINIT_INLINE std::string dtype_to_string(at::ScalarType dtype) {
  if (dtype == at::kFloat) return "float32";
  if (dtype == at::kHalf) return "float16";
  if (dtype == at::kBFloat16) return "bfloat16";
  return c10::toString(dtype);
}

}  // namespace freeinit::inline FREEINIT_ABI
