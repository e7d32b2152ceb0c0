#pragma once

#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/impl/io/frame_picker_inl.hpp>
#include <freeinit/impl/io/shown_picture_inl.hpp>
#include <freeinit/impl/io/stream_choice_inl.hpp>
#include <freeinit/impl/io/video_input_inl.hpp>
#include <freeinit/io/video_file.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Decodes the wanted frames of one video stream of one file, as players show them.
class VideoReader {
 public:
  VideoReader(const std::filesystem::path& path, const FrameSelection& selection)
      : what_("video " + quote(path.string())), selection_(selection) {
    open_file(path, "video");  // for its messages: not there, not readable
    const std::string unreadable = what_ + ": not a readable video file";
    input_ = open_container(path, unreadable);
    ffmpeg_check(find_stream_info_silently(), ErrorCode::invalid_file, unreadable);
    stream_ = choose_stream(*input_, selection.stream, what_);
    open_decoder();
  }

  /// Appends frames to `video` until it holds all that are wanted; one more of them sets `cut`.
  /// Like players, goes on behind a damaged packet.
  void decode(DecodedVideo& video) {
    ShownPicture shown(what_);
    FramePicker picker(what_, selection_, video, [&](AVFrame& frame) {
      const AVRational shape = av_guess_sample_aspect_ratio(input_.get(), stream_, &frame);
      return shown.show(*stream_, frame, shape);
    });
    for (;;) {
      const int result = av_read_frame(input_.get(), packet_.get());
      if (result >= 0 && packet_->stream_index == stream_->index) send_packet();
      av_packet_unref(packet_.get());
      if (result < 0) end_stream(result);
      if (!take_frames(picker) || result < 0) break;
    }
    picker.finish(frames_per_second());
    video.converted_from = shown.colours();
    video.damaged = damaged_;
  }

 private:
  /// Looks into the streams with FFmpeg's own, hidden decoders: options are the only way to reach
  /// them. FFmpeg 7.1 makes new ones afterwards, whose parsers then speak of damaged files.
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
  [[nodiscard]] bool take_frames(FramePicker& picker) {
    for (;;) {
      const int result = avcodec_receive_frame(codec_.get(), frame_.get());
      if (result < 0) {
        if (result != AVERROR(EAGAIN) && result != AVERROR_EOF) damaged_ = true;
        return true;
      }
      if (frame_->decode_error_flags != 0 || (frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0) {
        damaged_ = true;
      }
      if (!picker.take(*frame_, begin_of_frame(picker.count()))) return false;
    }
  }

  [[nodiscard]] double begin_of_frame(std::int64_t number) const {
    const std::int64_t time = frame_->best_effort_timestamp;
    if (time != AV_NOPTS_VALUE) return double(time) * av_q2d(stream_->time_base);
    const double rate = frames_per_second();
    return rate > 0 ? double(number) / rate : 0.0;
  }

  [[nodiscard]] bool is_gif() const { return std::string_view(input_->iformat->name) == "gif"; }

  /// Keeps when the packet's frame begins, and when it ends.
  void note_time() {
    if (!gif_times_.empty()) gif_times_.pop_back();  // the end of the frame before
    gif_times_.push_back(packet_->pts);
    gif_times_.push_back(packet_->pts + packet_->duration);
  }

  [[nodiscard]] double frames_per_second() const {
    const std::string_view format = input_->iformat->name;
    if (is_gif()) return gif_rate(gif_times_);
    if (format.ends_with("_pipe") || format == "image2") return 0.0;  // a picture; FFmpeg says 25
    for (const AVRational rate : {stream_->avg_frame_rate, stream_->r_frame_rate}) {
      if (rate.num > 0 && rate.den > 0) return av_q2d(rate);
    }
    return 0.0;
  }

  std::string what_;
  FrameSelection selection_;
  std::int64_t num_packets_ = 0;
  bool damaged_ = false;
  InputHandle input_;
  CodecHandle codec_;
  PacketHandle packet_{allocated(av_packet_alloc())};
  FrameHandle frame_{allocated(av_frame_alloc())};
  AVStream* stream_ = nullptr;           // owned by input_
  std::vector<std::int64_t> gif_times_;  // when each frame begins, when the last one ends
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
