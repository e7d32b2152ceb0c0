#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/impl/core/utf8_inl.hpp>
#include <freeinit/impl/io/animated_webp_inl.hpp>
#include <freeinit/impl/io/frame_pictures_inl.hpp>
#include <freeinit/impl/io/frame_sinks_inl.hpp>
#include <freeinit/impl/io/picture_folder_inl.hpp>
#include <freeinit/impl/io/video_reader_inl.hpp>
#include <freeinit/io/output_file.hpp>
#include <freeinit/io/video_file.hpp>

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<VideoFormat, 6> kVideoExtensions{{
    {".mp4", VideoFormat::mp4},
    {".webm", VideoFormat::webm},
    {".gif", VideoFormat::gif},
    {".webp", VideoFormat::webp},
    {".mov", VideoFormat::mov},
    {".mkv", VideoFormat::mkv},
}};

FREEINIT_INLINE void check_picture_bytes(std::size_t bytes, std::int64_t width,
                                         std::int64_t height) {
  const std::size_t expected = std::size_t(width) * std::size_t(height) * 3;
  if (bytes == expected) return;
  raise(ErrorCode::invalid_argument, concat("picture of ", bytes, " bytes: expected ", expected,
                                            " for ", width, "x", height, " RGB"));
}

FREEINIT_INLINE void check_rate(double fps, VideoFormat format) {
  // Browsers play GIF delays below 2/100 s at 10 frames a second.
  const bool is_gif = format == VideoFormat::gif;
  check_between(is_gif ? "frames per second of a GIF" : "frames per second", fps, 0.01,
                is_gif ? 50.0 : 1000.0);
}

/// A folder does not replace a file, nor a file a folder.
FREEINIT_INLINE void check_nothing_in_the_way(const std::filesystem::path& path,
                                              VideoFormat format) {
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  const bool makes_folder = format == VideoFormat::png_sequence;
  if (!std::filesystem::exists(path, ignored) || is_folder == makes_folder) return;
  raise(ErrorCode::io, concat("output '", path.string(), "': a ", is_folder ? "folder" : "file",
                              " of that name is in the way"));
}

FREEINIT_INLINE std::unique_ptr<FrameSink> make_sink(const std::filesystem::path& path,
                                                     VideoFormat format,
                                                     const VideoWriterOptions& options) {
  const int width = static_cast<int>(options.width);
  const int height = static_cast<int>(options.height);
  const AVRational fps = av_d2q(options.fps, 1001000);
  Metadata metadata;
  for (const auto& [key, text] : options.metadata) metadata[key] = valid_utf8(text);
  const auto stream = [&](const EncoderSettings& settings, int divisor = 1) {
    return std::make_unique<StreamSink>(path, settings, width, height, width + width % divisor,
                                        height + height % divisor, fps, metadata);
  };
  switch (format) {
    case VideoFormat::mp4:
      return stream(mp4_settings(), 2);
    case VideoFormat::webm:
      return stream(webm_settings());
    case VideoFormat::webp:
      return stream(webp_settings());
    case VideoFormat::mov:
      return stream(mov_settings());
    case VideoFormat::mkv:
      return stream(mkv_settings());
    case VideoFormat::gif:
      return std::make_unique<GifSink>(path, width, height, fps, metadata);
    case VideoFormat::png_sequence:
      break;
  }
  return std::make_unique<PngSink>(path, width, height, metadata);
}

/// The wanted ones of pictures that are the frames of a clip. They have no times.
FREEINIT_INLINE DecodedVideo read_pictures(const std::filesystem::path& path,
                                           const std::vector<std::filesystem::path>& pictures,
                                           const FrameSelection& selection) {
  const std::string what = "frames '" + path.string() + "'";
  if (selection.fps > 0) {
    raise(
        ErrorCode::invalid_argument,
        what + ": pictures have no times to take a number a second by; a stride takes every n-th");
  }
  const auto count = static_cast<std::int64_t>(pictures.size());
  DecodedVideo video;
  for (std::int64_t i = selection.first; i < count; i += selection.stride) {
    if (video.num_frames == selection.max_frames) {
      video.cut = true;
      break;
    }
    DecodedVideo picture;
    VideoReader(pictures[static_cast<std::size_t>(i)], {.max_frames = 1}).decode(picture);
    check_size(video, picture.width, picture.height, i, what);
    video.rgb.insert(video.rgb.end(), picture.rgb.begin(), picture.rgb.end());
    video.damaged = video.damaged || picture.damaged;
    if (video.num_frames++ == 0) video.converted_from = picture.converted_from;
  }
  if (video.num_frames > 0) return video;
  refuse_empty(what, count, selection);
}

}  // namespace detail

FREEINIT_INLINE VideoFormat video_format_of(const std::filesystem::path& path) {
  if (path.empty())
    raise(ErrorCode::invalid_argument, "output: no name; expected a file or a folder");
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension.empty()) return VideoFormat::png_sequence;
  if (const auto format = find_value(extension, detail::kVideoExtensions)) return *format;
  raise(ErrorCode::invalid_argument,
        concat("output '", path.string(), "': unknown extension ", quote(extension), "; known are ",
               listed_names(detail::kVideoExtensions),
               ", and a folder (no extension) for PNG files"));
}

struct VideoWriter::Impl {
  Impl(const std::filesystem::path& path, const VideoWriterOptions& wanted)
      : options(wanted),
        output(path, video_format_of(path) == VideoFormat::png_sequence ? OutputKind::folder
                                                                        : OutputKind::file),
        sink(detail::make_sink(output.temporary(), video_format_of(path), wanted)) {}

  VideoWriterOptions options;
  OutputFile output;  // before the sink, which closes its file first
  std::unique_ptr<detail::FrameSink> sink;
  bool has_frames = false;
};

FREEINIT_INLINE void check_video_writer(const std::filesystem::path& path,
                                        const VideoWriterOptions& options) {
  const VideoFormat format = video_format_of(path);
  const bool is_webp = format == VideoFormat::webp;
  detail::check_picture_size(options.width, options.height,
                             is_webp ? detail::kLargestSide - 1 : detail::kLargestSide);
  detail::check_rate(options.fps, format);
  static_cast<void>(detail::find_encoder(detail::encoder_name(format)));
  detail::check_nothing_in_the_way(path, format);
}

FREEINIT_INLINE VideoWriter::VideoWriter(const std::filesystem::path& path,
                                         const VideoWriterOptions& options) {
  check_video_writer(path, options);
  impl_ = std::make_unique<Impl>(path, options);
}

FREEINIT_INLINE VideoWriter::~VideoWriter() = default;
FREEINIT_INLINE VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;

FREEINIT_INLINE VideoWriter::Impl& VideoWriter::unfinished() {
  if (!impl_) raise(ErrorCode::invalid_argument, "video writer: was moved from");
  if (impl_->sink) return *impl_;
  raise(ErrorCode::invalid_argument,
        "video '" + impl_->output.path().string() + "': already finished");
}

FREEINIT_INLINE void VideoWriter::add_frame(std::span<const std::uint8_t> rgb) {
  Impl& impl = unfinished();
  detail::check_picture_bytes(rgb.size(), impl.options.width, impl.options.height);
  impl.sink->add(rgb);
  impl.has_frames = true;
}

FREEINIT_INLINE void VideoWriter::finish() {
  Impl& impl = unfinished();
  if (!impl.has_frames) {
    raise(ErrorCode::invalid_argument, "video '" + impl.output.path().string() + "': has no frame");
  }
  impl.sink->finish();
  impl.sink.reset();
  impl.output.commit();
}

FREEINIT_INLINE void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> rgb,
                               std::int64_t width, std::int64_t height) {
  detail::check_picture_size(width, height);
  detail::check_picture_bytes(rgb.size(), width, height);
  OutputFile output(path);
  detail::write_png_file(output.temporary(), rgb, static_cast<int>(width),
                         static_cast<int>(height));
  output.commit();
}

FREEINIT_INLINE DecodedVideo read_video(const std::filesystem::path& path,
                                        const FrameSelection& selection) {
  check_at_least("max_frames", selection.max_frames, 1);
  check_at_least("first frame", selection.first, 0);
  check_at_least("frame stride", selection.stride, 1);
  check_between("frames per second", selection.fps, 0.0, 1000.0);
  const auto pictures = detail::pictures_of(path);
  if (!pictures.empty()) return detail::read_pictures(path, pictures, selection);
  DecodedVideo video;
  if (detail::is_animated_webp(path)) {
    detail::read_animated_webp(path, selection, video);
  } else {
    detail::VideoReader(path, selection).decode(video);
  }
  return video;
}

FREEINIT_INLINE DecodedVideo read_video(const std::filesystem::path& path,
                                        std::int64_t max_frames) {
  return read_video(path, FrameSelection{.max_frames = max_frames});
}

}  // namespace freeinit::inline FREEINIT_ABI
