#pragma once

#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/impl/io/frame_picker_inl.hpp>
#include <freeinit/impl/io/shown_picture_inl.hpp>
#include <freeinit/io/video_file.hpp>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#ifdef FREEINIT_WITH_WEBP
#include <webp/demux.h>

#include <memory>
#endif

namespace freeinit::inline FREEINIT_ABI::detail {

/// Whether the file is a WebP picture of several frames, which FFmpeg does not decode.
FREEINIT_INLINE bool is_animated_webp(const std::filesystem::path& path) {
  std::array<char, 21> head{};
  std::ifstream stream = open_file(path, "video");
  stream.read(head.data(), head.size());
  const std::string_view text(head.data(), head.size());
  constexpr char kAnimated = 0x02;
  return text.starts_with("RIFF") && text.substr(8, 8) == "WEBPVP8X" && (text[20] & kAnimated) != 0;
}

#ifdef FREEINIT_WITH_WEBP
struct WebpDeleter {
  void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
};

/// The wanted frames, each a whole picture; transparent ones give the colours that lie below.
FREEINIT_INLINE void read_animated_webp(const std::filesystem::path& path,
                                        const FrameSelection& selection, DecodedVideo& video) {
  const std::string what = "video '" + path.string() + "'";
  std::ifstream stream = open_file(path, "video");
  constexpr std::uintmax_t kLargest = std::uintmax_t{1} << 30;
  if (std::filesystem::file_size(path) > kLargest) {
    raise(ErrorCode::invalid_file, what + ": is longer than 1 GiB");
  }
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  const WebPData data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, WebpDeleter> decoder(WebPAnimDecoderNew(&data, nullptr));
  WebPAnimInfo info{};
  if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0) {
    raise(ErrorCode::invalid_file, what + ": not a readable WebP file");
  }
  const auto width = static_cast<int>(info.canvas_width);
  const auto height = static_cast<int>(info.canvas_height);
  if (std::int64_t{width} * height > kMaxPixels) {
    raise(ErrorCode::invalid_file, what + ": has pictures of more than 64 million pixels");
  }
  FramePicker picker(what, selection, video,
                     [](AVFrame& frame) { return FrameHandle(allocated(av_frame_clone(&frame))); });
  int time = 0;  // milliseconds: where the frames so far end
  while (WebPAnimDecoderHasMoreFrames(decoder.get()) != 0) {
    std::uint8_t* pixels = nullptr;
    const int begin = time;
    video.damaged = WebPAnimDecoderGetNext(decoder.get(), &pixels, &time) == 0;
    if (video.damaged) break;
    const FrameHandle frame = make_frame(width, height, AV_PIX_FMT_RGBA);
    av_image_copy_plane(frame->data[0], frame->linesize[0], pixels, width * 4, width * 4, height);
    if (!picker.take(*frame, begin / 1000.0)) break;
  }
  picker.finish(time > 0 ? 1000.0 * double(picker.count()) / time : 0.0);
}
#else
[[noreturn]] FREEINIT_INLINE void read_animated_webp(const std::filesystem::path& path,
                                                     const FrameSelection& /*selection*/,
                                                     DecodedVideo& /*video*/) {
  raise(ErrorCode::unsupported, "video '" + path.string() +
                                    "': animated WebP needs a build with libwebp; expected "
                                    "another format, .webm or .gif for instance");
}
#endif

}  // namespace freeinit::inline FREEINIT_ABI::detail
