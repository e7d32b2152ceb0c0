#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

// Plain `inline` in both build modes: bodies of several layers share these helpers.
namespace freeinit::inline FREEINIT_ABI::detail {

/// What a file may be. `stream`: also a pipe, a terminal or another device, which a user may name;
/// a file that stands in a bundle may not.
enum class FileKind { regular, stream };

/// Opens a file for reading. `what` names it in messages, for example "manifest". Throws Error:
/// not_found, io.
inline std::ifstream open_file(const std::filesystem::path& path, const std::string& what,
                               FileKind kind = FileKind::regular) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  const std::string name = what + " " + quote(path.string()) + ": ";
  if (!std::filesystem::exists(status)) raise(ErrorCode::not_found, name + "no such file");
  if (std::filesystem::is_directory(status)) {
    raise(ErrorCode::io, name + "is a folder; a file is expected");
  }
  const bool is_stream =
      std::filesystem::is_fifo(status) || std::filesystem::is_character_file(status);
  if (!std::filesystem::is_regular_file(status) && !(is_stream && kind == FileKind::stream)) {
    raise(ErrorCode::io, name + "is a pipe, device or socket; a regular file is expected");
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) raise(ErrorCode::io, name + "cannot be opened for reading");
  return stream;
}

/// Bytes of a text that is read as a whole: what is longer is none of the small files read here.
inline constexpr std::size_t kLargestText = std::size_t{16} << 20;

/// The whole content of a file of at most `kLargestText`. Throws Error: not_found, invalid_file,
/// io.
inline std::string read_file(const std::filesystem::path& path, const std::string& what,
                             FileKind kind = FileKind::regular) {
  std::ifstream stream = open_file(path, what, kind);
  std::string content;
  for (std::array<char, 65536> part{}; stream && content.size() <= kLargestText;) {
    stream.read(part.data(), part.size());
    content.append(part.data(), static_cast<std::size_t>(stream.gcount()));
  }
  const std::string name = what + " " + quote(path.string()) + ": ";
  if (stream.bad()) raise(ErrorCode::io, name + "reading failed");
  if (content.size() > kLargestText) {
    raise(ErrorCode::invalid_file, name + "is longer than 16 MiB");
  }
  return content;
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
