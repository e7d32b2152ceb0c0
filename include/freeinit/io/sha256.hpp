#pragma once

#include <freeinit/core/config.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// SHA-256 of bytes that come in parts (FFmpeg's libavutil computes it).
class FREEINIT_API Sha256 {
 public:
  Sha256();

  /// The next bytes.
  void add(std::span<const std::byte> bytes);
  /// 64 lower-case hexadecimal digits. The object is used up.
  [[nodiscard]] std::string hex();

 private:
  std::unique_ptr<void, void (*)(void*)> state_;
};

/// SHA-256 of a file's content as 64 lower-case hexadecimal digits. Throws Error: not_found, io.
[[nodiscard]] FREEINIT_API std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/sha256_inl.hpp>
#endif
