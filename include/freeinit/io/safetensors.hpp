#pragma once

#include <freeinit/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// One tensor of a `.safetensors` file: dtype under the format's own name ("F32", "F16", "BF16",
/// "F64", "I64", "U8", ...), row-major bytes, little endian.
struct RawTensor {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;
};

/// Tensors by name, with the file's free text metadata.
struct SafetensorsContent {
  std::map<std::string, RawTensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Bytes of one element of `dtype`; 0 for a name the format does not know and for those dtypes that
/// pack elements below a byte (F4, F6).
[[nodiscard]] FREEINIT_API std::size_t safetensors_element_size(const std::string& dtype) noexcept;

/// Reads a whole `.safetensors` file. Every offset is checked against shape, dtype and file size;
/// overlapping or missing bytes are refused. Throws Error: not_found, invalid_file, io.
[[nodiscard]] FREEINIT_API SafetensorsContent read_safetensors(const std::filesystem::path& path);

/// Writes a `.safetensors` file, through a temporary name. Throws Error: invalid_argument (data size
/// does not match shape and dtype), io.
FREEINIT_API void write_safetensors(const std::filesystem::path& path,
                                    const SafetensorsContent& content);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/safetensors_inl.hpp>
#endif
