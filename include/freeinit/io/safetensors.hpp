#pragma once

#include <freeinit/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Bytes of one element of `dtype`; 0 for a name the format does not know and for those dtypes that
/// pack elements below a byte (F4, F6).
[[nodiscard]] FREEINIT_API std::size_t safetensors_element_size(const std::string& dtype) noexcept;

/// What the header of a `.safetensors` file says of one tensor: dtype under the format's own name
/// ("F32", "F16", "BF16", "F64", "I64", "U8", ...), shape, and where its bytes (row-major, little
/// endian) stand behind the header.
struct SafetensorsEntry {
  std::string dtype;                ///< "F32", ...
  std::vector<std::int64_t> shape;  ///< as LibTorch's sizes
  std::uint64_t begin = 0;          ///< its first byte, from the end of the header
  std::uint64_t end = 0;            ///< one behind its last byte
};

/// An open `.safetensors` file. The header is read and checked at once, a tensor's bytes when they
/// are asked for, straight to where they are wanted.
class FREEINIT_API SafetensorsReader {
 public:
  /// Checks every offset against shape, dtype and file size; overlapping or missing bytes and
  /// headers above 16 MiB are refused. Throws Error: not_found, invalid_file, io.
  explicit SafetensorsReader(const std::filesystem::path& path);

  /// The file that is read.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// What the header says of each tensor, by name.
  [[nodiscard]] const std::map<std::string, SafetensorsEntry>& tensors() const noexcept {
    return tensors_;
  }
  /// The file's free text.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept {
    return metadata_;
  }

  /// Fills `bytes`, which must be as many as the tensor has. Throws Error: not_found (no tensor of
  /// that name), invalid_argument, io.
  void read(const std::string& name, std::span<std::byte> bytes);

 private:
  std::filesystem::path path_;
  std::string origin_;  ///< names the file in messages
  std::ifstream stream_;
  std::uint64_t data_begin_ = 0;
  std::map<std::string, SafetensorsEntry> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A tensor to be written. The bytes stay the caller's.
struct SafetensorsView {
  std::string dtype;                ///< "F32", ...
  std::vector<std::int64_t> shape;  ///< as LibTorch's sizes
  std::span<const std::byte> data;  ///< row-major, little endian
};

/// Writes a `.safetensors` file whole or not at all. Throws Error: invalid_argument (data size does
/// not match shape and dtype), io.
FREEINIT_API void write_safetensors(const std::filesystem::path& path,
                                    const std::map<std::string, SafetensorsView>& tensors,
                                    const std::map<std::string, std::string>& metadata = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/safetensors_inl.hpp>
#endif
