#pragma once

#include <freeinit/core/error.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

// Plain `inline` in both build modes: bodies of several layers share these helpers.
namespace freeinit::inline FREEINIT_ABI::detail {

/// Opens a regular file for reading. `what` names it in messages, for example "manifest".
/// Throws Error: not_found, io.
inline std::ifstream open_file(const std::filesystem::path& path, const std::string& what) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  const std::string name = what + " '" + path.string() + "': ";
  if (!std::filesystem::exists(status)) raise(ErrorCode::not_found, name + "no such file");
  if (std::filesystem::is_directory(status)) {
    raise(ErrorCode::io, name + "is a folder; a file is expected");
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) raise(ErrorCode::io, name + "cannot be opened for reading");
  return stream;
}

/// The whole content of a file. Throws Error: not_found, io.
inline std::string read_file(const std::filesystem::path& path, const std::string& what) {
  std::ifstream stream = open_file(path, what);
  std::string content{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (stream.bad()) {
    raise(ErrorCode::io, what + " '" + path.string() + "': reading failed");
  }
  return content;
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
