#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/impl/io/pixel_converter_inl.hpp>

extern "C" {
#include <libavutil/crc.h>
}

#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI::detail {

inline constexpr std::int64_t kLargestSide = 16384;  // pixels

FREEINIT_INLINE void check_picture_size(std::int64_t width, std::int64_t height,
                                        std::int64_t largest = kLargestSide) {
  check_between("picture width", width, 1, largest);
  check_between("picture height", height, 1, largest);
}

/// `frame_00007.png`: how the frames of a clip are called in a folder.
FREEINIT_INLINE std::string frame_name(std::int64_t number, const char* extension) {
  std::array<char, 40> name{};
  std::snprintf(name.data(), name.size(), "frame_%05lld.%s", static_cast<long long>(number),
                extension);
  return name.data();
}

FREEINIT_INLINE void append_big_endian(std::string& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
}

/// A chunk with a text in UTF-8 (iTXt, not compressed, no language).
FREEINIT_INLINE std::string png_text_chunk(std::string keyword, const std::string& text) {
  keyword[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(keyword[0])));
  const std::string body = "iTXt" + keyword + std::string(5, '\0') + text;
  const AVCRC* table = av_crc_get_table(AV_CRC_32_IEEE_LE);
  const std::uint32_t sum = ~av_crc(
      table, ~std::uint32_t{0}, reinterpret_cast<const std::uint8_t*>(body.data()), body.size());
  std::string chunk;
  append_big_endian(chunk, static_cast<std::uint32_t>(body.size() - 4));
  chunk += body;
  append_big_endian(chunk, sum);
  return chunk;
}

/// One picture as the file of it. `what` names it in messages.
FREEINIT_INLINE std::string encode_picture(const char* encoder_name, const AVFrame& frame,
                                           const std::string& what) {
  const AVCodec* encoder = find_encoder(encoder_name);
  const CodecHandle codec(allocated(avcodec_alloc_context3(encoder)));
  silence(codec.get());
  codec->width = frame.width;
  codec->height = frame.height;
  codec->pix_fmt = static_cast<AVPixelFormat>(frame.format);
  codec->time_base = {1, 1};
  codec->thread_count = 1;
  const PacketHandle packet(allocated(av_packet_alloc()));
  ffmpeg_check(avcodec_open2(codec.get(), encoder, nullptr), ErrorCode::unsupported, what);
  ffmpeg_check(avcodec_send_frame(codec.get(), &frame), ErrorCode::internal, what);
  ffmpeg_check(avcodec_send_frame(codec.get(), nullptr), ErrorCode::internal, what);
  ffmpeg_check(avcodec_receive_packet(codec.get(), packet.get()), ErrorCode::internal, what);
  return {reinterpret_cast<const char*>(packet->data), static_cast<std::size_t>(packet->size)};
}

/// Encodes one picture and writes it to `path` directly.
FREEINIT_INLINE void write_png_file(const std::filesystem::path& path,
                                    std::span<const std::uint8_t> rgb, int width, int height,
                                    const std::map<std::string, std::string>& metadata = {}) {
  const FrameHandle frame = make_frame(width, height, AV_PIX_FMT_RGB24);
  av_image_copy_plane(frame->data[0], frame->linesize[0], rgb.data(), width * 3, width * 3, height);
  const std::string what = "PNG '" + path.string() + "'";
  const std::string file = encode_picture("png", *frame, what);
  const std::string_view png(file);
  std::ofstream stream(path, std::ios::binary);
  constexpr std::size_t kHeader = 33;  // signature and IHDR
  stream << png.substr(0, kHeader);
  for (const auto& [key, text] : metadata) stream << png_text_chunk(key, text);
  stream << png.substr(kHeader);
  stream.close();
  if (!stream) raise(ErrorCode::io, what + ": writing failed");
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
