#pragma once

#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/impl/io/pixel_converter_inl.hpp>
#include <freeinit/io/video_file.hpp>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// The rate behind the frame times of a GIF, which are whole 1/100 s: the whole number of frames
/// per second that gives these very times and lies nearest to their mean, else the mean. `times`:
/// when each frame begins, and when the last one ends.
FREEINIT_INLINE double gif_rate(const std::vector<std::int64_t>& times) {
  if (times.size() < 2 || times.back() <= times.front()) return 0.0;
  const auto frames = static_cast<std::int64_t>(times.size()) - 1;
  const double mean = 100.0 * double(frames) / double(times.back() - times.front());
  double best = mean;
  double best_distance = 0.1 * mean + 1.0;  // no further than rounding could move a mean
  for (int rate = 1; rate <= 100; ++rate) {
    bool fits = std::abs(rate - mean) < best_distance;
    for (std::int64_t i = 0; fits && i <= frames; ++i) {
      const std::int64_t time = av_rescale(i, 100, rate) + times.front();
      fits = time == times[static_cast<std::size_t>(i)];
    }
    if (!fits) continue;
    best = rate;
    best_distance = std::abs(rate - mean);
  }
  return best;
}

/// Decodes the wanted frames of the first video stream of one file.
class VideoReader {
 public:
  VideoReader(const std::filesystem::path& path, const FrameSelection& selection)
      : what_("video '" + path.string() + "'"), selection_(selection) {
    open_file(path, "video");  // for its messages: not there, a folder, not readable
    open_container(path);
    find_stream();
    open_decoder();
  }

  /// Appends frames to `video` until it holds all that are wanted; one more of them sets `cut`.
  /// Like players, goes on behind a damaged packet.
  void decode(DecodedVideo& video) {
    for (;;) {
      const int result = av_read_frame(input_.get(), packet_.get());
      if (result >= 0 && packet_->stream_index == stream_->index) send_packet();
      av_packet_unref(packet_.get());
      if (result < 0) end_stream(result);
      if (!take_frames(video) || result < 0) break;
    }
    if (video.num_frames == 0) refuse_empty();
    video.fps = frames_per_second();
    video.damaged = damaged_;
  }

 private:
  void open_container(const std::filesystem::path& path) {
    AVFormatContext* input = allocated(avformat_alloc_context());
    silence_input(input);
    Options options;
    options.set("protocol_whitelist", "file");  // a playlist must not reach into the network
    const int result =
        avformat_open_input(&input, file_url(path).c_str(), nullptr, options.address());
    ffmpeg_check(result, ErrorCode::invalid_file, what_ + ": not a readable video file");
    input_.reset(input);
    const int found = find_stream_info_silently();
    ffmpeg_check(found, ErrorCode::invalid_file, what_ + ": not a readable video file");
  }

  /// Looks into the streams with FFmpeg's own, hidden decoders: options are the only way to reach
  /// them.
  [[nodiscard]] int find_stream_info_silently() {
    std::vector<AVDictionary*> options(input_->nb_streams, nullptr);
    for (AVDictionary*& option : options) {
      av_dict_set_int(&option, "log_level_offset", kSilent, 0);
    }
    const std::size_t count = options.size();
    options.push_back(nullptr);  // never an empty array
    const int result = avformat_find_stream_info(input_.get(), options.data());
    for (std::size_t i = 0; i < count; ++i) av_dict_free(&options[i]);
    return result;
  }

  void find_stream() {
    for (unsigned i = 0; i < input_->nb_streams && stream_ == nullptr; ++i) {
      AVStream* stream = input_->streams[i];
      const bool cover = (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
      if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !cover) stream_ = stream;
    }
    if (stream_ == nullptr) raise(ErrorCode::invalid_file, what_ + ": has no video stream");
  }

  void open_decoder() {
    const AVCodec* decoder = avcodec_find_decoder(stream_->codecpar->codec_id);
    if (decoder == nullptr) {
      raise(ErrorCode::unsupported, what_ + ": this FFmpeg has no decoder for '" +
                                        avcodec_get_name(stream_->codecpar->codec_id) + "'");
    }
    codec_.reset(allocated(avcodec_alloc_context3(decoder)));
    silence(codec_.get());
    codec_->thread_count = 1;
    codec_->max_pixels = kMaxPixels;
    const std::string failed = what_ + ": its decoder cannot be opened";
    ffmpeg_check(avcodec_parameters_to_context(codec_.get(), stream_->codecpar),
                 ErrorCode::invalid_file, failed);
    ffmpeg_check(avcodec_open2(codec_.get(), decoder, nullptr), ErrorCode::invalid_file, failed);
  }

  void send_packet() {
    ++num_packets_;
    if (is_gif()) note_time();
    if ((packet_->flags & AV_PKT_FLAG_CORRUPT) != 0) damaged_ = true;
    if (avcodec_send_packet(codec_.get(), packet_.get()) < 0) damaged_ = true;
  }

  /// `result`: why there is no further packet. A container with an index (MP4) knows how many there
  /// should have been: what was cut off looks like an ordinary end.
  void end_stream(int result) {
    if (result != AVERROR_EOF) damaged_ = true;
    if (num_packets_ < avformat_index_get_entries_count(stream_)) damaged_ = true;
    avcodec_send_packet(codec_.get(), nullptr);
  }

  /// Takes what the decoder has ready. False when no more frames are wanted.
  [[nodiscard]] bool take_frames(DecodedVideo& video) {
    for (;;) {
      const int result = avcodec_receive_frame(codec_.get(), frame_.get());
      if (result < 0) {
        if (result != AVERROR(EAGAIN) && result != AVERROR_EOF) damaged_ = true;
        return true;
      }
      if (frame_->decode_error_flags != 0 || (frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0) {
        damaged_ = true;
      }
      if (wanted(num_decoded_++)) {
        if (video.num_frames == selection_.max_frames) {
          video.cut = true;
          return false;
        }
        append_frame(video);
      }
      av_frame_unref(frame_.get());
    }
  }

  [[nodiscard]] bool wanted(std::int64_t frame) const {
    return frame >= selection_.first && (frame - selection_.first) % selection_.stride == 0;
  }

  [[noreturn]] void refuse_empty() const {
    if (num_decoded_ == 0) raise(ErrorCode::invalid_file, what_ + ": holds no complete frame");
    raise(ErrorCode::invalid_file, what_ + ": holds " + std::to_string(num_decoded_) +
                                       " frames; frame " + std::to_string(selection_.first) +
                                       " was asked for, counted from 0");
  }

  void append_frame(DecodedVideo& video) {
    if (video.num_frames == 0) {
      video.width = frame_->width;
      video.height = frame_->height;
    }
    if (frame_->width != video.width || frame_->height != video.height) {
      raise(ErrorCode::invalid_file, what_ + ": frame " + std::to_string(num_decoded_ - 1) +
                                         " has " + size(frame_->width, frame_->height) +
                                         " pixels after frames of " +
                                         size(video.width, video.height) + "; expected one size");
    }
    if (!converter_.append(*frame_, video.rgb)) {
      raise(ErrorCode::unsupported, what_ + ": its pixel format cannot be converted to RGB");
    }
    ++video.num_frames;
  }

  static std::string size(int width, int height) {
    return std::to_string(width) + "x" + std::to_string(height);
  }

  [[nodiscard]] bool is_gif() const { return std::string_view(input_->iformat->name) == "gif"; }

  /// Keeps when the packet's frame begins, and when it ends.
  void note_time() {
    if (!times_.empty()) times_.pop_back();  // the end of the frame before
    times_.push_back(packet_->pts);
    times_.push_back(packet_->pts + packet_->duration);
  }

  [[nodiscard]] double frames_per_second() const {
    const std::string_view format = input_->iformat->name;
    if (is_gif()) return gif_rate(times_);
    if (format.ends_with("_pipe") || format == "image2") return 0.0;  // a picture; FFmpeg says 25
    for (const AVRational rate : {stream_->avg_frame_rate, stream_->r_frame_rate}) {
      if (rate.num > 0 && rate.den > 0) return av_q2d(rate);
    }
    return 0.0;
  }

  static constexpr std::int64_t kMaxPixels = std::int64_t{8192} * 8192;

  std::string what_;
  FrameSelection selection_;
  std::int64_t num_decoded_ = 0;
  std::int64_t num_packets_ = 0;
  bool damaged_ = false;
  InputHandle input_;
  CodecHandle codec_;
  PacketHandle packet_{allocated(av_packet_alloc())};
  FrameHandle frame_{allocated(av_frame_alloc())};
  AVStream* stream_ = nullptr;  // owned by input_
  FrameToRgb converter_;
  std::vector<std::int64_t> times_;  // of a GIF's frames: when each begins, when the last one ends
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
