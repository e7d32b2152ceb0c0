#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/core/read_file_inl.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Puts a comment into a finished GIF, before its first picture: FFmpeg's muxer writes none.
FREEINIT_INLINE void add_gif_comment(const std::filesystem::path& path,
                                     const std::string& comment) {
  std::string gif;
  {
    std::ifstream stream(path, std::ios::binary);
    gif.assign(std::istreambuf_iterator<char>(stream), {});
  }
  constexpr std::size_t kHeader = 13;
  if (gif.size() < kHeader) raise(ErrorCode::io, "GIF '" + path.string() + "': reading it failed");
  const auto flags = static_cast<unsigned char>(gif[10]);
  const std::size_t palette = (flags & 0x80) != 0 ? std::size_t{3} << ((flags & 7) + 1) : 0;
  std::string block = "\x21\xFE";
  for (std::size_t place = 0; place < comment.size(); place += 255) {
    const std::string part = comment.substr(place, 255);
    block += static_cast<char>(part.size());
    block += part;
  }
  block += '\0';
  gif.insert(std::min(kHeader + palette, gif.size()), block);
  std::ofstream stream(path, std::ios::binary);
  stream << gif;
  stream.close();
  if (!stream) raise(ErrorCode::io, "GIF '" + path.string() + "': writing failed");
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
