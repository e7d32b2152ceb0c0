#pragma once

#include <freeinit/impl/io/pixel_converter_inl.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Encodes one picture and writes it to `path` directly.
FREEINIT_INLINE void write_png_file(const std::filesystem::path& path,
                                    std::span<const std::uint8_t> rgb, int width, int height) {
  const AVCodec* encoder = find_encoder("png");
  const CodecHandle codec(allocated(avcodec_alloc_context3(encoder)));
  silence(codec.get());
  codec->width = width;
  codec->height = height;
  codec->pix_fmt = AV_PIX_FMT_RGB24;
  codec->time_base = {1, 1};
  codec->thread_count = 1;
  const PacketHandle packet(allocated(av_packet_alloc()));
  const FrameHandle frame = make_frame(width, height, AV_PIX_FMT_RGB24);
  av_image_copy_plane(frame->data[0], frame->linesize[0], rgb.data(), width * 3, width * 3, height);
  const std::string what = "PNG '" + path.string() + "'";
  ffmpeg_check(avcodec_open2(codec.get(), encoder, nullptr), ErrorCode::unsupported, what);
  ffmpeg_check(avcodec_send_frame(codec.get(), frame.get()), ErrorCode::internal, what);
  ffmpeg_check(avcodec_send_frame(codec.get(), nullptr), ErrorCode::internal, what);
  ffmpeg_check(avcodec_receive_packet(codec.get(), packet.get()), ErrorCode::internal, what);
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(packet->data), packet->size);
  stream.close();
  if (!stream) raise(ErrorCode::io, what + ": writing failed");
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
