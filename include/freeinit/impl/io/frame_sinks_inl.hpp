#pragma once

#include <freeinit/impl/io/gif_comment_inl.hpp>
#include <freeinit/impl/io/gif_palette_inl.hpp>
#include <freeinit/impl/io/pixel_converter_inl.hpp>
#include <freeinit/impl/io/png_encoder_inl.hpp>
#include <freeinit/impl/io/stream_encoder_inl.hpp>
#include <freeinit/io/video_file.hpp>

extern "C" {
#include <libavutil/cpu.h>
}

#include <filesystem>
#include <memory>
#include <span>
#include <utility>

namespace freeinit::inline FREEINIT_ABI::detail {

/// FFmpeg's name of the encoder behind a format.
FREEINIT_INLINE const char* encoder_name(VideoFormat format) {
  switch (format) {
    case VideoFormat::mp4:
      return "libx264";
    case VideoFormat::webm:
      return "libvpx-vp9";
    case VideoFormat::gif:
      return "gif";
    case VideoFormat::webp:
      return "libwebp_anim";
    case VideoFormat::mov:
      return "prores_ks";
    case VideoFormat::mkv:
      return "ffv1";
    case VideoFormat::png_sequence:
      break;
  }
  return "png";
}

/// Where a writer's frames go: one implementation for each kind of output.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void add(std::span<const std::uint8_t> rgb) = 0;
  virtual void finish() = 0;
};

/// One encoder, one container.
class StreamSink final : public FrameSink {
 public:
  StreamSink(const std::filesystem::path& path, const EncoderSettings& settings, int width,
             int height, int padded_width, int padded_height, AVRational fps,
             const Metadata& metadata)
      : converter_(width, height, padded_width, padded_height, settings.pixel_format),
        encoder_(path, settings, padded_width, padded_height, fps, metadata) {}

  void add(std::span<const std::uint8_t> rgb) override { encoder_.add(converter_.convert(rgb)); }
  void finish() override { encoder_.finish(); }

 private:
  RgbToFrame converter_;
  StreamEncoder encoder_;
};

class GifSink final : public FrameSink {
 public:
  GifSink(const std::filesystem::path& path, int width, int height, AVRational fps,
          const Metadata& metadata)
      : path_(path),
        metadata_(metadata),
        fps_(fps),
        converter_(width, height, width, height, AV_PIX_FMT_BGRA),
        palette_(width, height, fps),
        encoder_(path, {"gif", "gif", AV_PIX_FMT_PAL8, {}, {{"loop", "0"}}}, width, height, fps,
                 {}) {}

  void add(std::span<const std::uint8_t> rgb) override {
    palette_.add(converter_.convert(rgb));
    ++count_;
  }
  void finish() override {
    palette_.finish();
    while (FrameHandle frame = palette_.next()) encoder_.add(std::move(frame));
    // GIF counts in 1/100 s: the last frame ends where the clip does, as the next one would begin.
    encoder_.set_container_option("final_delay", centiseconds(count_) - centiseconds(count_ - 1));
    encoder_.finish();
    if (const auto found = metadata_.find("comment"); found != metadata_.end()) {
      add_gif_comment(path_, found->second);
    }
  }

 private:
  [[nodiscard]] std::int64_t centiseconds(std::int64_t frame) const {
    return av_rescale_q(frame, av_inv_q(fps_), {1, 100});
  }

  std::filesystem::path path_;
  Metadata metadata_;
  AVRational fps_;
  RgbToFrame converter_;
  GifPalette palette_;
  StreamEncoder encoder_;
  std::int64_t count_ = 0;
};

/// A folder of `frame_00000.png`, `frame_00001.png`, ...
class PngSink final : public FrameSink {
 public:
  PngSink(const std::filesystem::path& folder, int width, int height, const Metadata& metadata)
      : folder_(folder), width_(width), height_(height), metadata_(metadata) {
    std::error_code failure;
    std::filesystem::create_directory(folder, failure);
    if (failure) {
      raise(ErrorCode::io, "folder '" + folder.string() + "': " + failure.message());
    }
  }

  void add(std::span<const std::uint8_t> rgb) override {
    write_png_file(folder_ / frame_name(count_++, "png"), rgb, width_, height_, metadata_);
  }
  void finish() override {}

 private:
  std::filesystem::path folder_;
  int width_;
  int height_;
  Metadata metadata_;
  std::int64_t count_ = 0;
};

FREEINIT_INLINE EncoderSettings mp4_settings() {
  // CRF 16: no visible loss. 4:2:0 because players refuse the rest.
  EncoderSettings settings{"mp4",
                           encoder_name(VideoFormat::mp4),
                           AV_PIX_FMT_YUV420P,
                           {{"crf", "16"}, {"preset", "medium"}},
                           {{"movflags", "+faststart"}}};
  // With AVX-512 the macroblock tree of x264 164 reads memory that nothing wrote where there are
  // B-frames: the file would differ from run to run.
  if ((av_get_cpu_flags() & AV_CPU_FLAG_AVX512) != 0) {
    settings.encoder_options.emplace_back("x264-params", "asm=AVX2");
  }
  return settings;
}

FREEINIT_INLINE EncoderSettings webm_settings() {
  return {"webm",
          encoder_name(VideoFormat::webm),
          AV_PIX_FMT_YUV420P,
          {{"crf", "16"}, {"b", "0"}, {"deadline", "good"}, {"cpu-used", "3"}},
          {}};
}

FREEINIT_INLINE EncoderSettings webp_settings() {
  return {"webp",
          encoder_name(VideoFormat::webp),
          AV_PIX_FMT_BGRA,
          {{"quality", "90"}, {"compression_level", "4"}},
          {{"loop", "0"}}};
}

FREEINIT_INLINE EncoderSettings mov_settings() {
  return {"mov",
          encoder_name(VideoFormat::mov),
          AV_PIX_FMT_YUV444P10,
          {{"profile", "4444"}, {"vendor", "apl0"}},
          {{"movflags", "write_colr"}}};  // else readers guess the colours
}

FREEINIT_INLINE EncoderSettings mkv_settings() {
  return {"matroska",
          encoder_name(VideoFormat::mkv),
          AV_PIX_FMT_BGR0,
          {{"level", "3"}, {"slicecrc", "1"}},
          {}};
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
