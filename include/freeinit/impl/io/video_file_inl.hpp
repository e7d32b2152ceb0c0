#pragma once

#include <freeinit/impl/io/frame_sinks_inl.hpp>
#include <freeinit/impl/io/video_reader_inl.hpp>
#include <freeinit/io/output_file.hpp>
#include <freeinit/io/video_file.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_picture_size(int width, int height) {
  constexpr int kLargest = 16384;
  if (width >= 1 && height >= 1 && width <= kLargest && height <= kLargest) return;
  raise(ErrorCode::invalid_argument, "picture size " + std::to_string(width) + "x" +
                                         std::to_string(height) + ": expected 1x1 to " +
                                         std::to_string(kLargest) + "x" + std::to_string(kLargest));
}

FREEINIT_INLINE void check_picture_bytes(std::size_t bytes, int width, int height) {
  const std::size_t expected = std::size_t(width) * std::size_t(height) * 3;
  if (bytes == expected) return;
  raise(ErrorCode::invalid_argument,
        "picture of " + std::to_string(bytes) + " bytes: expected " + std::to_string(expected) +
            " for " + std::to_string(width) + "x" + std::to_string(height) + " RGB");
}

FREEINIT_INLINE AVRational checked_fps(double fps, VideoFormat format) {
  // Browsers play GIF delays below 2/100 s at 10 frames a second.
  const double fastest = format == VideoFormat::gif ? 50.0 : 1000.0;
  if (!std::isfinite(fps) || fps < 0.01 || fps > fastest) {
    raise(ErrorCode::invalid_argument, "frames per second " + std::to_string(fps) +
                                           ": expected 0.01 to " +
                                           std::to_string(static_cast<int>(fastest)) +
                                           (format == VideoFormat::gif ? " for a GIF" : ""));
  }
  return av_d2q(fps, 1001000);
}

FREEINIT_INLINE std::unique_ptr<FrameSink> make_sink(const std::filesystem::path& path,
                                                     VideoFormat format,
                                                     const VideoWriterOptions& options,
                                                     AVRational fps) {
  const int width = options.width;
  const int height = options.height;
  switch (format) {
    case VideoFormat::mp4:
      return std::make_unique<StreamSink>(path, mp4_settings(), width, height, width + width % 2,
                                          height + height % 2, fps);
    case VideoFormat::webm:
      return std::make_unique<StreamSink>(path, webm_settings(), width, height, width, height, fps);
    case VideoFormat::gif:
      return std::make_unique<GifSink>(path, width, height, fps);
    case VideoFormat::png_sequence:
      break;
  }
  return std::make_unique<PngSink>(path, width, height);
}

}  // namespace detail

FREEINIT_INLINE VideoFormat video_format_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension.empty()) return VideoFormat::png_sequence;
  if (extension == ".mp4") return VideoFormat::mp4;
  if (extension == ".webm") return VideoFormat::webm;
  if (extension == ".gif") return VideoFormat::gif;
  raise(ErrorCode::invalid_argument,
        "output '" + path.string() + "': unknown extension '" + extension +
            "'; known are .mp4, .webm, .gif, and a folder (no extension) for PNG files");
}

struct VideoWriter::Impl {
  Impl(const std::filesystem::path& path, const VideoWriterOptions& wanted, VideoFormat format,
       AVRational fps)
      : options(wanted),
        output(path),
        sink(detail::make_sink(output.temporary(), format, wanted, fps)) {}

  VideoWriterOptions options;
  OutputFile output;  // before the sink, which closes its file first
  std::unique_ptr<detail::FrameSink> sink;
  bool has_frames = false;
};

FREEINIT_INLINE VideoWriter::VideoWriter(const std::filesystem::path& path,
                                         const VideoWriterOptions& options) {
  const VideoFormat format = video_format_of(path);
  detail::check_picture_size(options.width, options.height);
  const AVRational fps = detail::checked_fps(options.fps, format);
  impl_ = std::make_unique<Impl>(path, options, format, fps);
}

FREEINIT_INLINE VideoWriter::~VideoWriter() = default;
FREEINIT_INLINE VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;

FREEINIT_INLINE void VideoWriter::add_frame(std::span<const std::uint8_t> rgb) {
  if (!impl_->sink) {
    raise(ErrorCode::invalid_argument,
          "video '" + impl_->output.path().string() + "': already finished");
  }
  detail::check_picture_bytes(rgb.size(), impl_->options.width, impl_->options.height);
  impl_->sink->add(rgb);
  impl_->has_frames = true;
}

FREEINIT_INLINE void VideoWriter::finish() {
  if (!impl_->sink || !impl_->has_frames) {
    raise(ErrorCode::invalid_argument, "video '" + impl_->output.path().string() + "': " +
                                           (impl_->sink ? "has no frame" : "already finished"));
  }
  impl_->sink->finish();
  impl_->sink.reset();
  impl_->output.commit();
}

FREEINIT_INLINE void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> rgb,
                               int width, int height) {
  detail::check_picture_size(width, height);
  detail::check_picture_bytes(rgb.size(), width, height);
  OutputFile output(path);
  detail::write_png_file(output.temporary(), rgb, width, height);
  output.commit();
}

FREEINIT_INLINE DecodedVideo read_video(const std::filesystem::path& path,
                                        const FrameSelection& selection) {
  const auto require = [](const char* name, std::int64_t value, std::int64_t least) {
    if (value >= least) return;
    raise(ErrorCode::invalid_argument, std::string(name) + " " + std::to_string(value) +
                                           ": expected at least " + std::to_string(least));
  };
  require("max_frames", selection.max_frames, 1);
  require("first frame", selection.first, 0);
  require("frame stride", selection.stride, 1);
  DecodedVideo video;
  detail::VideoReader(path, selection).decode(video);
  return video;
}

FREEINIT_INLINE DecodedVideo read_video(const std::filesystem::path& path,
                                        std::int64_t max_frames) {
  return read_video(path, FrameSelection{.max_frames = max_frames});
}

}  // namespace freeinit::inline FREEINIT_ABI
