#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/io/safetensors.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// Reads a tensor of a `.safetensors` file onto the CPU in its stored dtype, or that of NumPy's
/// `.npy` (little-endian numbers, rows or columns first). An empty `name` takes the file's only
/// tensor; empty ones beside it are passed over. Throws Error: not_found (with the names there
/// are), invalid_file, unsupported (a dtype LibTorch lacks).
[[nodiscard]] FREEINIT_API at::Tensor load_tensor(const std::filesystem::path& path,
                                                  const std::string& name = {});

/// The same from a file that is open: its header is read once for all of its tensors. Throws Error:
/// as `load_tensor`.
[[nodiscard]] FREEINIT_API at::Tensor read_tensor(SafetensorsReader& file,
                                                  const std::string& name = {});

/// Writes tensors (any device, made contiguous) with metadata as `.safetensors`, or one tensor
/// without name and metadata as `.npy`, through a temporary name. Throws Error: io, unsupported,
/// invalid_argument.
FREEINIT_API void save_tensors(const std::filesystem::path& path,
                               const std::map<std::string, at::Tensor>& tensors,
                               const std::map<std::string, std::string>& metadata = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/tensors/tensor_file_inl.hpp>
#endif
