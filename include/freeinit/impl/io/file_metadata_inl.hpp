#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/impl/core/utf8_inl.hpp>
#include <freeinit/impl/io/video_input_inl.hpp>
#include <freeinit/io/file_metadata.hpp>
#include <freeinit/io/safetensors.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

using FileMetadata = std::map<std::string, std::string>;

inline constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);

/// Enters a text under its key in lower case; bytes that are no UTF-8 are replaced.
FREEINIT_INLINE void add_text(FileMetadata& metadata, std::string key, std::string_view text) {
  std::transform(key.begin(), key.end(), key.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  metadata[key] = valid_utf8(text);
}

/// The body of an iTXt or tEXt chunk. Compressed texts are passed over.
FREEINIT_INLINE void add_png_text(FileMetadata& metadata, std::string_view kind,
                                  std::string_view body) {
  const std::size_t end = body.find('\0');
  if (end == body.npos) return;
  const std::string key(body.substr(0, end));
  body.remove_prefix(end + 1);
  if (kind == "iTXt") {
    if (body.size() < 2 || body[0] != 0) return;
    body.remove_prefix(2);
    for (int i = 0; i < 2; ++i) {  // language and translated keyword
      const std::size_t stop = body.find('\0');
      if (stop == body.npos) return;
      body.remove_prefix(stop + 1);
    }
  }
  add_text(metadata, key, body);
}

/// Chunks up to the first of pixels.
FREEINIT_INLINE FileMetadata png_metadata(std::istream& stream) {
  constexpr std::uint32_t kLongest = 16 << 20;
  FileMetadata metadata;
  for (;;) {
    std::array<unsigned char, 8> head{};
    if (!stream.read(reinterpret_cast<char*>(head.data()), head.size())) return metadata;
    const std::uint32_t size = std::uint32_t{head[0]} << 24 | std::uint32_t{head[1]} << 16 |
                               std::uint32_t{head[2]} << 8 | std::uint32_t{head[3]};
    const std::string kind(reinterpret_cast<const char*>(head.data()) + 4, 4);
    if (kind == "IDAT" || kind == "IEND" || size > kLongest) return metadata;
    std::string body(size + 4, '\0');  // with its check sum
    if (!stream.read(body.data(), static_cast<std::streamsize>(body.size()))) return metadata;
    if (kind == "iTXt" || kind == "tEXt") {
      add_png_text(metadata, kind, std::string_view(body).substr(0, size));
    }
  }
}

FREEINIT_INLINE FileMetadata container_metadata(const std::filesystem::path& path) {
  const InputHandle input =
      open_container(path, "file " + quote(path.string()) +
                               ": not a readable video, picture or .safetensors file");
  const PacketHandle packet(allocated(av_packet_alloc()));
  av_read_frame(input.get(), packet.get());  // a GIF's comment stands before its first picture
  FileMetadata metadata;
  const AVDictionaryEntry* entry = nullptr;
  while ((entry = av_dict_get(input->metadata, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
    add_text(metadata, entry->key, entry->value);
  }
  return metadata;
}

}  // namespace detail

FREEINIT_INLINE std::map<std::string, std::string> read_file_metadata(
    const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return read_file_metadata(path / "frame_00000.png");
  }
  if (path.extension() == ".safetensors") return SafetensorsReader(path).metadata();
  std::ifstream stream = detail::open_file(path, "file");
  std::string signature(detail::kPngSignature.size(), '\0');
  stream.read(signature.data(), static_cast<std::streamsize>(signature.size()));
  if (signature == detail::kPngSignature) return detail::png_metadata(stream);
  return detail::container_metadata(path);
}

}  // namespace freeinit::inline FREEINIT_ABI
