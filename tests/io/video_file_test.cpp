#include "io/clip.hpp"
#include "io/filled_memory.hpp"
#include "io/raw_file.hpp"
#include "io/video_fixture.hpp"
#include "support/error_of.hpp"

#include <freeinit/io/video_file.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <string>
#include <utility>

extern "C" unsigned avformat_version();

namespace io_test {
namespace {

// Bounds lie 3 to 5 dB below what this clip gives with x264 164, libvpx 1.12 and FFmpeg 5.1
// (45.7, 47.0, 44.5, 43, 36.5 and 36.6 dB), for other versions of them. A wrong matrix or range
// costs 15 dB and more.
TEST_F(VideoFile, RoundTripMp4) {
  EXPECT_GT(round_trip("a.mp4", 64, 64), 42.0);
  EXPECT_GT(round_trip("b.mp4", 128, 96), 43.0);
}
TEST_F(VideoFile, RoundTripWebm) {
  EXPECT_GT(round_trip("a.webm", 64, 64), 41.0);
  EXPECT_GT(round_trip("b.webm", 63, 41), 39.0);
}
// 256 colours with ordered dithering for about 2,500 in the clip: the error is the palette's grain.
TEST_F(VideoFile, RoundTripGif) {
  EXPECT_GT(round_trip("a.gif", 64, 64), 33.0);
  EXPECT_GT(round_trip("b.gif", 33, 17), 33.0);
}

// ProRes in 10 bits of 4:4:4 rounds to a level or two. WebP's picture is 4:2:0.
TEST_F(VideoFile, RoundTripOfFilesForEditing) {
  EXPECT_GT(round_trip("a.mov", 64, 64), 48.0);
  EXPECT_GT(round_trip("b.mov", 63, 41), 47.0);
  EXPECT_EQ(round_trip("a.mkv", 64, 64), INFINITY);
  EXPECT_EQ(round_trip("b.mkv", 63, 41), INFINITY);
}
TEST_F(VideoFile, RoundTripWebp) {
  EXPECT_GT(round_trip("a.webp", 64, 64), 36.0);
  EXPECT_GT(round_trip("b.webp", 63, 41), 36.0);
}

TEST_F(VideoFile, PngSequenceIsExact) {
  const std::filesystem::path path = write_soft("frames/", 31, 17, 8, 3);
  for (int t = 0; t < 3; ++t) {
    const auto name = "frame_0000" + std::to_string(t) + ".png";
    const DecodedVideo picture = read_video(path / name, 1);
    EXPECT_EQ(picture.rgb, soft_frame(31, 17, t));
    EXPECT_EQ(picture.width, 31);
    EXPECT_EQ(picture.fps, 0.0);
  }
  EXPECT_EQ(entries(), 1U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path), {}), 3);
}

// YUV in 8 bits rounds each colour by up to 2; anything more is a wrong matrix or range.
TEST_F(VideoFile, ColoursAreNotShifted) {
  const std::vector<std::uint8_t> expected = patch_frame(64, 64);
  for (const std::string name : {"a.mp4", "a.webm", "a.gif", "a.webp", "a.mov", "a.mkv"}) {
    write(name, 64, 64, 8, 4, [&](int) { return expected; });
    const DecodedVideo video = read_video(folder_.path() / name, 10);
    for (const int y : {16, 48}) {
      for (const int x : {16, 48}) {
        for (int k = 0; k < 3; ++k) {
          const std::size_t place = std::size_t((y * 64 + x) * 3 + k);
          EXPECT_NEAR(video.rgb[place], expected[place], 3) << name << " at " << x << "," << y;
        }
      }
    }
  }
}

TEST_F(VideoFile, FrameRatesAndCountsAreExact) {
  for (const std::string name : {"a.mp4", "a.webm", "a.gif", "a.webp", "a.mov", "a.mkv"}) {
    for (const double fps : {1.0, 7.0, 8.0, 12.0, 16.0, 24.0, 25.0, 30.0}) {
      for (const int frames : {5, 17}) {
        const DecodedVideo video = read_video(write_soft(name, 16, 16, fps, frames), 100);
        EXPECT_EQ(video.num_frames, frames) << name << " " << fps;
        // A WebP counts in milliseconds: where the last frame begins and how long it stays.
        const double tolerance = name == "a.webp" ? 2.0 * fps * fps / 1000.0 / frames : 1e-12;
        EXPECT_NEAR(video.fps, fps, tolerance) << name << " " << frames;
      }
    }
    EXPECT_EQ(read_video(write_soft(name, 16, 16, 8, 1), 100).num_frames, 1) << name;
  }
  EXPECT_NEAR(read_video(write_soft("b.mp4", 16, 16, 24000.0 / 1001), 100).fps, 23.976, 1e-3);
  EXPECT_NEAR(read_video(write_soft("b.webm", 16, 16, 12.5), 100).fps, 12.5, 1e-9);
}

// H.264 in 4:2:0 needs even sizes: the last column and row are repeated.
TEST_F(VideoFile, OddSizesOfMp4RepeatTheBorder) {
  const DecodedVideo video =
      read_video(write("odd.mp4", 33, 17, 8, 2,
                       [](int) { return std::vector<std::uint8_t>(33 * 17 * 3, 200); }),
                 5);
  EXPECT_EQ(video.width, 34);
  EXPECT_EQ(video.height, 18);
  for (const std::uint8_t value : video.rgb) ASSERT_NEAR(value, 200, 2);
}

TEST_F(VideoFile, OnePixel) {
  for (const std::string name : {"a.mp4", "a.webm", "a.gif", "a.webp", "a.mov", "a.mkv", "png/"}) {
    EXPECT_NO_THROW(write(name, 1, 1, 8, 2, [](int) { return std::vector<std::uint8_t>(3, 9); }));
  }
}

// Whatever the memory holds that the encoders ask for: some read what they never wrote.
TEST_F(VideoFile, SameFramesSameBytes) {
  for (const std::string name : {"a.mp4", "a.webm", "a.gif", "a.webp", "a.mov", "a.mkv"}) {
    for (const int size : {32, 96}) {
      std::set<std::string> contents;
      for (const int byte : {0, 1, 77, 128, 200, 255}) {
        const FilledMemory filled(byte);
        contents.insert(file_content(write_soft(name, size, size)));
      }
      EXPECT_EQ(contents.size(), 1U) << name << " " << size;
    }
  }
}

TEST_F(VideoFile, Mp4StartsWithItsIndexAndGifLoops) {
  const std::string mp4 = file_content(write_soft("a.mp4", 32, 32));
  EXPECT_LT(mp4.find("moov"), mp4.find("mdat"));
  const std::string gif = file_content(write_soft("a.gif", 32, 32));
  const std::size_t loop = gif.find("NETSCAPE2.0");
  ASSERT_NE(loop, std::string::npos);
  EXPECT_EQ(gif.substr(loop + 11, 5), std::string("\x03\x01\0\0\0", 5));  // 0: for ever
}

TEST_F(VideoFile, WithoutFinishNothingIsLeft) {
  for (const std::string name : {"a.mp4", "a.webm", "a.gif", "a.webp", "a.mov", "a.mkv", "png/"}) {
    VideoWriter writer(folder_.path() / name, {16, 16, 8});
    writer.add_frame(soft_frame(16, 16, 0));
  }
  EXPECT_EQ(entries(), 0U);
}

TEST_F(VideoFile, WriterRefuses) {
  const auto open = [&](const std::string& name, std::int64_t width, std::int64_t height,
                        double fps) {
    // What is refused here is refused before there are frames, too.
    EXPECT_ANY_THROW(freeinit::check_video_writer(folder_.path() / name, {width, height, fps}));
    VideoWriter writer(folder_.path() / name, {width, height, fps});
  };
  EXPECT_ERROR(invalid_argument,
               "unknown extension '.avi'; known are .mp4, .webm, .gif, .webp, .mov, .mkv, and",
               open("a.avi", 8, 8, 8));
  EXPECT_ERROR(invalid_argument, "output: no name; expected a file or a folder",
               freeinit::check_video_writer("", {8, 8, 8}));
  EXPECT_ERROR(invalid_argument, "picture width '0': outside its range; expected 1 to 16384",
               open("a.mp4", 0, 8, 8));
  EXPECT_ERROR(invalid_argument, "picture height '20000'", open("a.mp4", 8, 20000, 8));
  EXPECT_ERROR(invalid_argument, "picture width '16384': outside its range; expected 1 to 16383",
               open("a.webp", 16384, 8, 8));
  EXPECT_ERROR(invalid_argument, "picture width '4294967304'", open("a/", 4294967304, 8, 8));
  EXPECT_ERROR(invalid_argument, "frames per second '0'", open("a.mp4", 8, 8, 0));
  EXPECT_ERROR(invalid_argument, "frames per second 'nan'",
               open("a.mp4", 8, 8, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_ERROR(invalid_argument,
               "frames per second of a GIF '60': outside its range; expected 0.01 to 50",
               open("a.gif", 8, 8, 60));
  EXPECT_ERROR(invalid_argument,
               "frames per second '2000': outside its range; expected 0.01 to 1000",
               open("a.mp4", 8, 8, 2000));
  std::filesystem::create_directory(folder_.path() / "folder.mp4");
  write_file(folder_.path() / "file", "");
  EXPECT_ERROR(io, "a folder of that name is in the way", open("folder.mp4", 8, 8, 8));
  EXPECT_ERROR(io, "a file of that name is in the way", open("file", 8, 8, 8));
  EXPECT_ERROR(io, "does not exist", VideoWriter(folder_.path() / "no/a.mp4", {8, 8, 8}));
  for (const char* name : {"a.mp4", "a.webm", "a.gif", "a.mov", "a.mkv", "png/", "no/a.mp4"}) {
    EXPECT_NO_THROW(freeinit::check_video_writer(folder_.path() / name, {16384, 1, 50}));
  }
  VideoWriter writer(folder_.path() / "a.mp4", {8, 8, 8});
  EXPECT_ERROR(invalid_argument, "has no frame", writer.finish());
  EXPECT_ERROR(invalid_argument, "picture of 3 bytes: expected 192",
               writer.add_frame(std::vector<std::uint8_t>(3)));
  writer.add_frame(soft_frame(8, 8, 0));
  writer.finish();
  EXPECT_ERROR(invalid_argument, "already finished", writer.finish());
  EXPECT_ERROR(invalid_argument, "already finished", writer.add_frame(soft_frame(8, 8, 0)));
  VideoWriter first(folder_.path() / "b.mp4", {8, 8, 8});
  VideoWriter second(std::move(first));
  EXPECT_ERROR(invalid_argument, "was moved from", first.add_frame(soft_frame(8, 8, 0)));
  EXPECT_ERROR(invalid_argument, "was moved from", first.finish());
}

TEST_F(VideoFile, ExtensionsChooseTheFormat) {
  EXPECT_EQ(freeinit::video_format_of("a/b.MP4"), freeinit::VideoFormat::mp4);
  EXPECT_EQ(freeinit::video_format_of("b.webm"), freeinit::VideoFormat::webm);
  EXPECT_EQ(freeinit::video_format_of("c.d.gif"), freeinit::VideoFormat::gif);
  EXPECT_EQ(freeinit::video_format_of("d.webp"), freeinit::VideoFormat::webp);
  EXPECT_EQ(freeinit::video_format_of("e.mov"), freeinit::VideoFormat::mov);
  EXPECT_EQ(freeinit::video_format_of("f.mkv"), freeinit::VideoFormat::mkv);
  EXPECT_EQ(freeinit::video_format_of("frames"), freeinit::VideoFormat::png_sequence);
  EXPECT_EQ(freeinit::video_format_of("a.b/"), freeinit::VideoFormat::png_sequence);
}

// A path that FFmpeg would take for a protocol, and one with a pattern in it.
TEST_F(VideoFile, UnusualNames) {
  for (const std::string name : {"http:x.mp4", "a b%03d.gif", "\xC3\xA9.webm"}) {
    EXPECT_EQ(read_video(write_soft(name, 16, 16), 100).num_frames, 12) << name;
  }
}

TEST_F(VideoFile, ReaderStopsAtTheLimit) {
  const std::filesystem::path path = write_soft("a.mp4", 16, 16, 8, 12);
  const DecodedVideo cut = read_video(path, 5);
  EXPECT_EQ(cut.num_frames, 5);
  EXPECT_TRUE(cut.cut);
  EXPECT_EQ(cut.rgb.size(), 5U * 16 * 16 * 3);
  EXPECT_FALSE(read_video(path, 12).cut);
  EXPECT_ERROR(invalid_argument, "max_frames '0'", read_video(path, 0));
}

TEST_F(VideoFile, ReaderRefusesWhatIsNoVideo) {
  EXPECT_ERROR(not_found, "no such file", read_video("/nonexistent.mp4", 1));
  write_file(folder_.path() / "empty.mp4", "");
  EXPECT_ERROR(invalid_file, "not a readable video file",
               read_video(folder_.path() / "empty.mp4", 1));
  write_file(folder_.path() / "text.mp4", "no video, just a line of text\n");
  EXPECT_ERROR(invalid_file, "not a readable video file",
               read_video(folder_.path() / "text.mp4", 1));
  const std::string whole = file_content(write_soft("a.mp4", 32, 32));
  write_file(folder_.path() / "cut.mp4", whole.substr(0, 600));
  EXPECT_ERROR(invalid_file, "not a readable video file",
               read_video(folder_.path() / "cut.mp4", 1));
  const std::size_t data = whole.find("mdat") + 4;
  write_file(folder_.path() / "no_frame.mp4", whole.substr(0, data));
  EXPECT_ERROR(invalid_file, "holds no complete frame",
               read_video(folder_.path() / "no_frame.mp4", 1));
}

// The index stands before the pictures in our MP4 files, so that a cut one opens like a whole one.
TEST_F(VideoFile, ReaderTellsATruncatedOrDamagedFile) {
  const std::string whole = file_content(write_soft("a.mp4", 64, 64, 8, 60));
  const std::size_t data = whole.find("mdat") + 4;
  const std::filesystem::path path = folder_.path() / "b.mp4";
  for (const double share : {0.5, 0.7, 0.9}) {
    const auto kept = static_cast<std::size_t>(share * double(whole.size() - data));
    write_file(path, whole.substr(0, data + kept));
    const DecodedVideo video = read_video(path, 60);
    EXPECT_TRUE(video.damaged) << share;
    EXPECT_LT(video.num_frames, 60) << share;
    EXPECT_FALSE(read_video(path, 1).damaged) << "nobody looked behind the first frame";
  }
  std::string scratched = whole;
  for (std::size_t i = data + (whole.size() - data) / 2; i < whole.size() - 1; i += 2) {
    scratched[i] = static_cast<char>(~scratched[i]);
  }
  write_file(path, scratched);
  EXPECT_TRUE(read_video(path, 60).damaged);
}

/// One second of silence as a WAV file.
std::string silent_wav() {
  std::string wav(
      "RIFF\x24\x04\0\0WAVEfmt "
      "\x10\0\0\0\x01\0\x01\0\0\x04\0\0\0\x04\0\0\x01\0\x08\0data\0\x04\0\0",
      44);
  return wav + std::string(1024, '\x80');
}

TEST_F(VideoFile, ReaderRefusesSoundAlone) {
  write_file(folder_.path() / "sound.mp4", silent_wav());
  EXPECT_ERROR(invalid_file, "has no video stream", read_video(folder_.path() / "sound.mp4", 1));
}

// Two PNG pictures of different size, one behind the other, are one stream to FFmpeg.
TEST_F(VideoFile, ReaderRefusesASizeChange) {
  freeinit::write_png(folder_.path() / "a.png", soft_frame(8, 8, 0), 8, 8);
  freeinit::write_png(folder_.path() / "b.png", soft_frame(9, 8, 0), 9, 8);
  write_file(folder_.path() / "both.png",
             file_content(folder_.path() / "a.png") + file_content(folder_.path() / "b.png"));
  EXPECT_ERROR(invalid_file, "frame 1 has 9x8 pixels after frames of 8x8",
               read_video(folder_.path() / "both.png", 10));
}

TEST_F(VideoFile, WritePng) {
  const std::filesystem::path path = folder_.path() / "mask.png";
  freeinit::write_png(path, patch_frame(5, 3), 5, 3);
  EXPECT_EQ(read_video(path, 1).rgb, patch_frame(5, 3));
  EXPECT_ERROR(invalid_argument, "picture of 3 bytes",
               freeinit::write_png(path, std::vector<std::uint8_t>(3), 5, 3));
  EXPECT_EQ(entries(), 1U);
}

// The library leaves FFmpeg's global log level alone and still prints nothing, broken input
// included.
TEST_F(VideoFile, NothingIsPrinted) {
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  for (const std::string name : {"a.mp4", "a.webm", "a.gif", "a.webp", "a.mov", "a.mkv", "png/"})
    write_soft(name, 17, 16);
  const std::string whole = file_content(folder_.path() / "a.mp4");
  // From FFmpeg 7.1 on, the parser that av_read_frame runs has a context that cannot be silenced.
  const bool silent_parser = avformat_version() < (61U << 16 | 7U << 8);
  for (std::size_t size = 0; silent_parser && size < whole.size(); size += 97) {
    std::string broken = whole;
    broken[size] = static_cast<char>(broken[size] ^ 0x55);
    write_file(folder_.path() / "b.mp4", broken.substr(0, whole.size() - size / 3));
    try {
      (void)read_video(folder_.path() / "b.mp4", 3);
    } catch (const freeinit::Error&) {
    }
  }
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace io_test
