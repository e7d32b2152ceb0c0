#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// The types that networks compute in, as manifests name them: "float32", "float16" or "bfloat16".
/// Throws Error: invalid_argument for another name.
[[nodiscard]] FREEINIT_API at::ScalarType dtype_from_string(const std::string& name);

/// The name of such a type; LibTorch's own name of any other.
[[nodiscard]] FREEINIT_API std::string dtype_to_string(at::ScalarType dtype);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/dtype_inl.hpp>
#endif
