#pragma once

#include <freeinit/core/config.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// The content of a file that a user names, of at most 16 MiB; a pipe or device is read to its end
/// or to that limit. `what` names it in messages: "config file". Throws Error: not_found,
/// invalid_file (longer), io.
[[nodiscard]] FREEINIT_API std::string read_text_file(const std::filesystem::path& path,
                                                      const std::string& what);

/// Refuses JSON from outside before values are made of it: what is not valid, a key that occurs
/// twice in an object, values nested deeper than 64 levels (programs recurse on them) or more than
/// two million. `origin` opens the message. Throws Error: invalid_file.
FREEINIT_API void check_json_text(std::string_view text, const std::string& origin);

/// Writes a file of this content, as `OutputFile` does it. Throws Error: io.
FREEINIT_API void write_text_file(const std::filesystem::path& path, std::string_view text);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/text_file_inl.hpp>
#endif
