#pragma once

#include <freeinit/core/error.hpp>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/error.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <new>
#include <string>

namespace freeinit::inline FREEINIT_ABI::detail {

struct FfmpegDeleter {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(AVFilterGraph* graph) const { avfilter_graph_free(&graph); }
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};
struct InputDeleter {
  void operator()(AVFormatContext* input) const { avformat_close_input(&input); }
};
struct OutputDeleter {
  void operator()(AVFormatContext* output) const {
    avio_closep(&output->pb);
    avformat_free_context(output);
  }
};

using CodecHandle = std::unique_ptr<AVCodecContext, FfmpegDeleter>;
using FrameHandle = std::unique_ptr<AVFrame, FfmpegDeleter>;
using PacketHandle = std::unique_ptr<AVPacket, FfmpegDeleter>;
using GraphHandle = std::unique_ptr<AVFilterGraph, FfmpegDeleter>;
using ScalerHandle = std::unique_ptr<SwsContext, FfmpegDeleter>;
using InputHandle = std::unique_ptr<AVFormatContext, InputDeleter>;
using OutputHandle = std::unique_ptr<AVFormatContext, OutputDeleter>;

/// The pointer itself; throws when an FFmpeg allocation gave none.
template <typename T>
T* allocated(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

/// A dictionary of options; what FFmpeg does not know stays in it.
class Options {
 public:
  Options() = default;
  ~Options() { av_dict_free(&dictionary_); }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  void set(const char* key, const char* value) { av_dict_set(&dictionary_, key, value, 0); }
  [[nodiscard]] AVDictionary** address() { return &dictionary_; }

 private:
  AVDictionary* dictionary_ = nullptr;
};

FREEINIT_INLINE std::string ffmpeg_message(int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  return text.data();
}

/// Raises `code` for a negative FFmpeg result; `what` opens the message.
FREEINIT_INLINE int ffmpeg_check(int result, ErrorCode code, const std::string& what) {
  if (result < 0) raise(code, what + ": " + ffmpeg_message(result));
  return result;
}

/// Throws Error: unsupported.
FREEINIT_INLINE const AVCodec* find_encoder(const char* name) {
  const AVCodec* encoder = avcodec_find_encoder_by_name(name);
  if (encoder != nullptr) return encoder;
  raise(ErrorCode::unsupported,
        std::string("this FFmpeg lacks the encoder '") + name + "', which the wanted format needs");
}

/// A local path as FFmpeg's URL: without the prefix "a:b.mp4" would name a protocol.
FREEINIT_INLINE std::string file_url(const std::filesystem::path& path) {
  return "file:" + path.string();
}

// Silence. FFmpeg prints to stderr above a level that is global to the process, hence the program's
// business. Its objects can carry an offset to that level, if their class says where it stands.
// Codec contexts have one; containers and filters get a class that points at a field without a use
// there.
// Added to the level of every message, it lifts the gravest (8) above the most talkative threshold
// (56) and keeps the least one (56) below 256, where FFmpeg's printer cuts levels off.
inline constexpr int kSilent = 192;

/// The class of `object` with the place of an offset field. One copy a process for each `Object`
/// and field, which is right because FFmpeg has one class for each of these structures.
template <typename Object, std::size_t Place>
const AVClass* class_with_offset(const Object* object) {
  static const AVClass silenced = [object] {
    AVClass copy = *object->av_class;
    copy.log_level_offset_offset = static_cast<int>(Place);
    return copy;
  }();
  return &silenced;
}

FREEINIT_INLINE void silence(AVCodecContext* codec) {
  codec->log_level_offset = kSilent;
}

FREEINIT_INLINE void silence_input(AVFormatContext* input) {
  input->metadata_header_padding = kSilent;  // a setting of muxers
  constexpr std::size_t kPlace = offsetof(AVFormatContext, metadata_header_padding);
  input->av_class = class_with_offset<AVFormatContext, kPlace>(input);
}

FREEINIT_INLINE void silence_output(AVFormatContext* output) {
  output->max_ts_probe = kSilent;  // a setting of demuxers
  constexpr std::size_t kPlace = offsetof(AVFormatContext, max_ts_probe);
  output->av_class = class_with_offset<AVFormatContext, kPlace>(output);
}

FREEINIT_INLINE void silence(AVFilterContext* filter) {
  filter->extra_hw_frames = kSilent;  // only read by filters on hardware frames
  constexpr std::size_t kPlace = offsetof(AVFilterContext, extra_hw_frames);
  filter->av_class = class_with_offset<AVFilterContext, kPlace>(filter);
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
