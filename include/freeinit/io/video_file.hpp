#pragma once

#include <freeinit/core/config.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// The containers the writer knows, chosen by the path: `.mp4` (H.264), `.webm` (VP9), `.gif`
/// (one palette for the whole clip), `.webp` (animated, quality 90), for editing `.mov` (ProRes
/// 4444, 10 bits) and `.mkv` (FFV1, the frames to the bit), and a PNG sequence `frame_00000.png`
/// ... for a path that ends with a slash or has no extension.
enum class VideoFormat { mp4, webm, gif, webp, mov, mkv, png_sequence };

/// The format that `path` asks for. Throws Error: invalid_argument for an unknown extension, with
/// the known ones in the message.
[[nodiscard]] FREEINIT_API VideoFormat video_format_of(const std::filesystem::path& path);

/// Size and rate of a video to be written.
struct VideoWriterOptions {
  /// Pixels, 1 to 16384, of WebP to 16383 (H.264 gets an even size by repeating the last row or
  /// column).
  std::int64_t width = 0;
  std::int64_t height = 0;  ///< pixels
  double fps = 8.0;         ///< 0.01 to 1000; a GIF counts in 1/100 s and takes at most 50
  /// What the file says of itself: "title" and "comment". A GIF holds the comment alone, a WebP
  /// neither, a PNG sequence both in each frame. Bytes that are no UTF-8 become U+FFFD.
  std::map<std::string, std::string> metadata{};
};

/// Refuses what `VideoWriter` could not write, before there is anything to write: the extension,
/// the size, the rate, an encoder that this FFmpeg lacks, a folder where a file shall be or a file
/// where a folder. Writes nothing. Throws Error: invalid_argument, unsupported, io.
FREEINIT_API void check_video_writer(const std::filesystem::path& path,
                                     const VideoWriterOptions& options);

/// Writes RGB frames one after another, through a temporary name; memory does not grow with the
/// number of frames (a GIF keeps them until `finish`, since its palette comes from all of them).
class FREEINIT_API VideoWriter {
 public:
  /// Throws Error: as `check_video_writer`, io (folder not writable).
  VideoWriter(const std::filesystem::path& path, const VideoWriterOptions& options);
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) = delete;

  /// `rgb`: height * width * 3 bytes, row-major, R G B. Throws Error: invalid_argument, io.
  void add_frame(std::span<const std::uint8_t> rgb);

  /// Flushes the encoder and moves the finished file to its name. Without it nothing is left
  /// behind. Throws Error: invalid_argument (no frame, finished before), io.
  void finish();

 private:
  struct Impl;
  [[nodiscard]] Impl& unfinished();

  std::unique_ptr<Impl> impl_;
};

/// Writes one RGB image as PNG, through a temporary name. `rgb`: height * width * 3 bytes. Throws
/// Error: invalid_argument (size, number of bytes), unsupported (FFmpeg lacks the encoder), io.
FREEINIT_API void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> rgb,
                            std::int64_t width, std::int64_t height);

/// Whether a path names pictures of more than 8 bits: `DIR/frame_%05d.png` or `.exr`.
[[nodiscard]] FREEINIT_API bool is_picture_pattern(const std::filesystem::path& path);

/// Refuses what `PictureWriter` could not write, before there is anything to write. Throws Error:
/// invalid_argument, unsupported (this FFmpeg lacks the encoder).
FREEINIT_API void check_picture_pattern(const std::filesystem::path& pattern);

/// Writes frames of numbers as a folder of pictures, which appears whole or not at all: `.png` of
/// 16 bits, or OpenEXR in float32 and, as that format has it, linear light (sRGB's curve undone).
class FREEINIT_API PictureWriter {
 public:
  /// `pattern`: `DIR/frame_%05d.png` or `.exr`. `width`, `height`: pixels, 1 to 16384. Throws
  /// Error: as `check_picture_pattern`, io.
  PictureWriter(const std::filesystem::path& pattern, std::int64_t width, std::int64_t height);
  ~PictureWriter();
  PictureWriter(const PictureWriter&) = delete;
  PictureWriter& operator=(const PictureWriter&) = delete;

  /// `rgb`: height * width * 3 numbers 0 to 1, row-major, R G B. Throws Error: invalid_argument,
  /// io.
  void add_frame(std::span<const float> rgb);

  /// Moves the finished folder to its name. Throws Error: io.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A decoded clip: frames of `height * width * 3` bytes (R G B), one after another.
struct DecodedVideo {
  int width = 0;                ///< pixels
  int height = 0;               ///< pixels
  double fps = 0.0;             ///< of the file, whatever the stride; 0 when the file does not say
  std::int64_t num_frames = 0;  ///< in `rgb`
  bool cut = false;             ///< the file holds more of the wanted frames than `max_frames`
  bool damaged =
      false;  ///< data up to the last frame read was unreadable, or the file ends too early
  bool variable_rate = false;  ///< some frames read stay half as long again as others
  /// "HLG", "PQ" or "BT.2020" of a clip that was converted to BT.709; else empty.
  std::string converted_from;
  std::vector<std::uint8_t> rgb;  ///< [num_frames, height, width, 3] bytes, row-major
};

/// Which frames of a video are wanted: first, first + stride, ..., at most `max_frames` of them.
struct FrameSelection {
  std::int64_t max_frames = 16;  ///< at most so many are read
  std::int64_t first = 0;        ///< number of the first one, from 0
  std::int64_t stride = 1;       ///< from one to the next; 2 takes every second
  /// Above 0: the clip is first brought to so many frames per second, of each time the nearest
  /// frame. 0: frames by number, whatever their times.
  double fps = 0.0;
  std::int64_t stream = -1;  ///< which video stream, from 0; -1: the one that players take
};

/// Decodes frames as players show them: turned and mirrored as the file says, pixels square, HDR
/// tone-mapped, by the colour matrix and range that the file names. `path` may be a folder of
/// numbered pictures or a pattern of their names (`frame_%05d.png`); see docs/files.md. Memory is
/// bounded by the frames asked for: others are decoded and dropped one by one, and the file is left
/// as soon as all are there. A truncated or damaged file gives the frames it still holds, and
/// `damaged`.
/// Throws Error: not_found, io, invalid_file (no video stream, no wanted frame, truncated before
/// the first frame, a size change inside), unsupported (this FFmpeg lacks the decoder or a filter
/// for HDR), invalid_argument (max_frames or stride < 1, first or fps < 0, no such stream, fps for
/// pictures without times).
[[nodiscard]] FREEINIT_API DecodedVideo read_video(const std::filesystem::path& path,
                                                   const FrameSelection& selection);

/// The first `max_frames` frames. Throws as above.
[[nodiscard]] FREEINIT_API DecodedVideo read_video(const std::filesystem::path& path,
                                                   std::int64_t max_frames);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/video_file_inl.hpp>
#endif
