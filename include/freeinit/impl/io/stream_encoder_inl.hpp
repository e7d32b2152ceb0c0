#pragma once

#include <freeinit/impl/io/ffmpeg_handles_inl.hpp>

extern "C" {
#include <libavutil/opt.h>
}

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// What distinguishes one kind of video file from another.
struct EncoderSettings {
  const char* container;  ///< name of FFmpeg's muxer
  const char* encoder;
  AVPixelFormat pixel_format;
  std::vector<std::pair<const char*, const char*>> encoder_options;
  std::vector<std::pair<const char*, const char*>> container_options;
};

/// What a file says of itself, by FFmpeg's keys.
using Metadata = std::map<std::string, std::string>;

/// Frames of one size into one encoder and one container file. The file's bytes depend on nothing
/// but the frames and the metadata: one thread, no clock, no random ids.
class StreamEncoder {
 public:
  StreamEncoder(const std::filesystem::path& path, const EncoderSettings& settings, int width,
                int height, AVRational fps, const Metadata& metadata)
      : path_(path) {
    const AVCodec* encoder = find_encoder(settings.encoder);
    AVFormatContext* output = nullptr;
    ffmpeg_check(avformat_alloc_output_context2(&output, nullptr, settings.container,
                                                file_url(path).c_str()),
                 ErrorCode::unsupported, std::string("container ") + settings.container);
    output_.reset(output);
    silence_output(output);
    output->flags |= AVFMT_FLAG_BITEXACT;
    for (const auto& [key, value] : metadata) {
      av_dict_set(&output->metadata, key.c_str(), value.c_str(), 0);
    }
    open_encoder(encoder, settings, width, height, fps);
    open_file(settings);
  }

  /// Encodes the next frame.
  void add(FrameHandle frame) {
    frame->pts = next_pts_++;
    frame->pict_type = AV_PICTURE_TYPE_NONE;
    // Some encoders, ProRes among them, take the colours from each frame.
    frame->color_range = codec_->color_range;
    frame->colorspace = codec_->colorspace;
    frame->color_primaries = codec_->color_primaries;
    frame->color_trc = codec_->color_trc;
    send(frame.get());
  }

  /// Sets an option of the container that is only known at the end.
  void set_container_option(const char* key, std::int64_t value) {
    check_write(av_opt_set_int(output_->priv_data, key, value, 0));
  }

  /// Flushes the encoder and completes the file.
  void finish() {
    send(nullptr);
    check_write(av_write_trailer(output_.get()));
    check_write(avio_closep(&output_->pb));
  }

 private:
  void open_encoder(const AVCodec* encoder, const EncoderSettings& settings, int width, int height,
                    AVRational fps) {
    codec_.reset(allocated(avcodec_alloc_context3(encoder)));
    silence(codec_.get());
    codec_->width = width;
    codec_->height = height;
    codec_->pix_fmt = settings.pixel_format;
    codec_->framerate = fps;
    codec_->time_base = av_inv_q(fps);
    codec_->sample_aspect_ratio = {1, 1};
    codec_->thread_count = 1;
    codec_->flags |= AV_CODEC_FLAG_BITEXACT;
    if (is_yuv(settings.pixel_format)) {
      codec_->color_range = AVCOL_RANGE_MPEG;
      codec_->colorspace = AVCOL_SPC_BT709;
      codec_->color_primaries = AVCOL_PRI_BT709;
      codec_->color_trc = AVCOL_TRC_BT709;
      codec_->chroma_sample_location = AVCHROMA_LOC_LEFT;
    }
    if ((output_->oformat->flags & AVFMT_GLOBALHEADER) != 0) {
      codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    Options options;
    for (const auto& [key, value] : settings.encoder_options) options.set(key, value);
    ffmpeg_check(avcodec_open2(codec_.get(), encoder, options.address()), ErrorCode::unsupported,
                 std::string("encoder '") + settings.encoder + "' refuses " +
                     std::to_string(width) + "x" + std::to_string(height));
  }

  void open_file(const EncoderSettings& settings) {
    stream_ = allocated(avformat_new_stream(output_.get(), nullptr));
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    check_write(avcodec_parameters_from_context(stream_->codecpar, codec_.get()));
    check_write(avio_open(&output_->pb, output_->url, AVIO_FLAG_WRITE));
    Options options;
    for (const auto& [key, value] : settings.container_options) options.set(key, value);
    check_write(avformat_write_header(output_.get(), options.address()));
  }

  void send(const AVFrame* frame) {
    check_write(avcodec_send_frame(codec_.get(), frame));
    for (;;) {
      const int result = avcodec_receive_packet(codec_.get(), packet_.get());
      if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
      check_write(result);
      packet_->duration = 1;  // else the last frame would last as long as the container guesses
      packet_->stream_index = stream_->index;
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      check_write(av_interleaved_write_frame(output_.get(), packet_.get()));
    }
  }

  void check_write(int result) const {
    ffmpeg_check(result, ErrorCode::io, "video '" + path_.string() + "': writing failed");
  }

  std::filesystem::path path_;
  OutputHandle output_;
  CodecHandle codec_;
  PacketHandle packet_{allocated(av_packet_alloc())};
  AVStream* stream_ = nullptr;  // owned by output_
  std::int64_t next_pts_ = 0;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
