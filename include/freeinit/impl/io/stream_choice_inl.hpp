#pragma once

#include <freeinit/impl/io/ffmpeg_handles_inl.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace freeinit::inline FREEINIT_ABI::detail {

/// The video stream `number`, counted from 0; for -1 the one that FFmpeg's command takes: of those
/// marked as default, else of all, the largest picture, the first of equals. Covers of music do not
/// count. Throws Error: invalid_file (no video), invalid_argument (no such stream).
FREEINIT_INLINE AVStream* choose_stream(const AVFormatContext& input, std::int64_t number,
                                        const std::string& what) {
  AVStream* chosen = nullptr;
  std::pair<bool, std::int64_t> best{false, -1};
  std::int64_t count = 0;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    AVStream* stream = input.streams[i];
    const AVCodecParameters& codec = *stream->codecpar;
    constexpr int kPicture = AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS;
    if (codec.codec_type != AVMEDIA_TYPE_VIDEO || (stream->disposition & kPicture) != 0) continue;
    const std::pair value{(stream->disposition & AV_DISPOSITION_DEFAULT) != 0,
                          std::int64_t{codec.width} * codec.height};
    if (number < 0 ? value > best : count == number) {
      best = value;
      chosen = stream;
    }
    ++count;
  }
  if (count == 0) raise(ErrorCode::invalid_file, what + ": has no video stream");
  if (chosen != nullptr) return chosen;
  raise(ErrorCode::invalid_argument, what + ": holds " + std::to_string(count) +
                                         " video streams; stream " + std::to_string(number) +
                                         " was asked for, counted from 0");
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
