#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// A device by name: "cpu", "cuda" or "cuda:N". Throws Error: invalid_argument for another name,
/// and as `check_device`.
[[nodiscard]] FREEINIT_API at::Device device_from_string(const std::string& name);

/// Refuses a device that this machine or this LibTorch lacks. Throws Error: unsupported.
FREEINIT_API void check_device(at::Device device);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/device_inl.hpp>
#endif
