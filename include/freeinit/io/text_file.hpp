#pragma once

#include <freeinit/core/config.hpp>

#include <filesystem>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// Writes a file of this content, as `OutputFile` does it. Throws Error: io.
FREEINIT_API void write_text_file(const std::filesystem::path& path, std::string_view text);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/text_file_inl.hpp>
#endif
