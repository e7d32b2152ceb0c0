#pragma once

#include <freeinit/core/config.hpp>

#include <filesystem>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// SHA-256 of a file's content as 64 lower-case hexadecimal digits (FFmpeg's libavutil computes
/// it). Throws Error: not_found, io.
[[nodiscard]] FREEINIT_API std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/sha256_inl.hpp>
#endif
