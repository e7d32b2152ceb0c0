#pragma once

#include <freeinit/core/config.hpp>

#include <filesystem>
#include <map>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// What a file says of itself, keys in lower case: the tags of a video ("title", "comment"), the
/// texts of a PNG picture, or of the first `frame_*.png` of a folder, and the free text of
/// `.safetensors`. Throws Error: not_found, invalid_file (no such file), io.
[[nodiscard]] FREEINIT_API std::map<std::string, std::string> read_file_metadata(
    const std::filesystem::path& path);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/file_metadata_inl.hpp>
#endif
