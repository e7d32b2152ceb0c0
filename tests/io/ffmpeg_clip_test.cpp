#include "io/raw_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/io/video_file.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

// Clips of every kind that docs/files.md names, made by FFmpeg's command, give the numbers that the
// command itself gives for them.

namespace io_test {
namespace {

using freeinit::DecodedVideo;
using freeinit::FrameSelection;
using freeinit::read_video;

/// A display matrix: (x, y) goes to (a x + c y, b x + d y).
using Turn = std::array<int, 4>;

struct Kind {
  const char* name;       ///< as in docs/files.md
  const char* file;       ///< its extension says the container
  const char* make;       ///< options behind the test picture
  const char* show = "";  ///< filters of the reference, behind the command's own rotation
  Turn turn{1, 0, 0, 1};
  FrameSelection selection{.max_frames = 64};
  const char* colours = "";
};

#define X264 "-c:v libx264 -crf 12 -pix_fmt yuv420p "
#define TO_SDR "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,"
#define WIDE(curve)                                                    \
  "-vf zscale=tin=bt709:pin=bt709:min=bt709:rin=tv:t=" curve           \
  ":p=bt2020:m=bt2020nc:r=tv:npl=203,format=yuv420p10le -c:v libx265 " \
  "-x265-params log-level=error -color_primaries bt2020 -color_trc " curve " -colorspace bt2020nc"
// Of 0, 1/5, 2/5, ... seconds the nearest: frames come at 1/30 s and from the tenth on at 1/10 s.
#define BY_TIME                                                                        \
  "select=eq(n\\,0)+eq(n\\,6)+eq(n\\,11)+eq(n\\,13)+eq(n\\,15)+eq(n\\,17)+eq(n\\,19)+" \
  "eq(n\\,20),"
#define ROUNDED "zscale=t=bt709,format=gbrp,"
#define SQUARE \
  "scale=iw*sar:ih:flags=bicubic+full_chroma_int+full_chroma_inp+accurate_rnd,format=rgb24,"

const std::vector<Kind> kKinds{
    {"upright", "a.mp4", X264},
    {"turned_90", "a.mp4", X264, "", {0, 1, -1, 0}},
    {"turned_180", "a.mp4", X264, "", {-1, 0, 0, -1}},
    {"turned_270", "a.mp4", X264, "", {0, -1, 1, 0}},
    {"mirrored", "a.mp4", X264, "", {-1, 0, 0, 1}},
    {"mirrored_180", "a.mp4", X264, "", {1, 0, 0, -1}},
    {"mirrored_90", "a.mp4", X264, "", {0, 1, 1, 0}},
    {"mirrored_270", "a.mp4", X264, "", {0, -1, -1, 0}},
    {"hlg",
     "a.mp4",
     WIDE("arib-std-b67"),
     TO_SDR "tonemap=mobius:param=0.7:desat=0," ROUNDED,
     {1, 0, 0, 1},
     {.max_frames = 64},
     "HLG"},
    {"pq",
     "a.mp4",
     WIDE("smpte2084"),
     TO_SDR "tonemap=mobius:param=0.7:desat=0," ROUNDED,
     {1, 0, 0, 1},
     {.max_frames = 64},
     "PQ"},
    {"bt2020", "a.mp4", WIDE("bt709"), TO_SDR ROUNDED, {1, 0, 0, 1}, {.max_frames = 64}, "BT.2020"},
    {"tagged_bt709", "a.mp4", X264 "-colorspace bt709"},
    {"tagged_bt601", "a.mp4", X264 "-vf scale=1280:64,setsar=1 -colorspace smpte170m"},
    {"untagged_hd", "a.mp4", X264 "-vf scale=1280:64,setsar=1", "setparams=colorspace=bt709,"},
    {"full_range", "a.mp4", X264 "-vf scale=out_range=full -color_range pc"},
    {"wide_pixels", "a.mp4", X264 "-vf setsar=4/3", SQUARE},
    {"narrow_pixels", "a.mkv", X264 "-vf setsar=8/9", SQUARE},
    {"wide_pixels_turned", "a.mp4", X264 "-vf setsar=4/3", SQUARE, {0, 1, -1, 0}},
    {"interlaced", "a.mp4", X264 "-vf interlace -flags +ildct+ilme"},
    {"variable_rate", "a.mp4",
     X264 "-vf setpts='if(lt(N\\,10)\\,N/30/TB\\,(10/30+(N-10)/10)/TB)' "
          "-vsync vfr -video_track_timescale 3000"},
    {"by_time",
     "a.mp4",
     X264 "-vf setpts='if(lt(N\\,10)\\,N/30/TB\\,(10/30+(N-10)/10)/TB)' -vsync vfr "
          "-video_track_timescale 3000",
     BY_TIME,
     {1, 0, 0, 1},
     {.max_frames = 8, .fps = 5}},
    {"yuv444", "a.mkv", "-c:v ffv1 -pix_fmt yuv444p"},
    {"ten_bits", "a.mkv", "-c:v ffv1 -pix_fmt yuv422p10le"},
    {"alpha", "a.mov", "-vf format=rgba,colorchannelmixer=aa=0.5 -c:v png"},
    {"rgb", "a.mkv", "-c:v ffv1 -pix_fmt bgr0"},
    {"webm", "a.webm", "-c:v libvpx-vp9 -crf 20 -b:v 0 -deadline realtime -pix_fmt yuv420p"},
    {"avi", "a.avi", "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p"},
    {"gif", "a.gif", ""},
    {"second_stream", "a.mkv",
     "-filter_complex '[0:v]split[a][b];[a]scale=32:32,setsar=1[c]' -map '[c]' "
     "-map '[b]' -disposition:v:0 0 -disposition:v:1 default " X264},
    {"named_stream",
     "a.mkv",
     "-filter_complex '[0:v]split[a][b];[a]scale=32:32,setsar=1[c]' -map '[c]' "
     "-map '[b]' -disposition:v:0 0 -disposition:v:1 default " X264,
     "",
     {1, 0, 0, 1},
     {.max_frames = 64, .stream = 0}},
};

/// More than a byte can differ where the sizes do.
int largest_difference(const std::vector<std::uint8_t>& found, const std::string& shown) {
  if (found.size() != shown.size()) return 256;
  int largest = 0;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    largest = std::max(largest, std::abs(int(found[i]) - int(std::uint8_t(shown[i]))));
  }
  return largest;
}

class FfmpegFile : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("ffmpeg -version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no ffmpeg command";
  }
  void ffmpeg(const std::string& arguments) {
    const std::string line = "cd '" + folder_.path().string() +
                             "' && ffmpeg -y -nostdin -threads 1 -loglevel error " + arguments;
    ASSERT_EQ(std::system(line.c_str()), 0) << line;
  }
  void make(const Kind& kind) {
    ffmpeg("-f lavfi -i testsrc2=s=96x64:r=30:d=0.7 " + std::string(kind.make) + " " + kind.file);
    if (kind.turn != Turn{1, 0, 0, 1}) set_turn(kind.file, kind.turn);
  }
  /// Writes the matrix of the first track header of an MP4 file.
  void set_turn(const std::string& name, const Turn& turn) {
    std::string content = file_content(folder_.path() / name);
    const std::size_t place = content.find("tkhd") + 44;
    const std::array<std::size_t, 4> where{0, 4, 12, 16};  // a, b, c, d
    for (std::size_t i = 0; i < 4; ++i) {
      const std::string value = turn[i] == 0   ? std::string(4, '\0')
                                : turn[i] == 1 ? std::string("\0\1\0\0", 4)
                                               : std::string("\xff\xff\0\0", 4);
      content.replace(place + where[i], 4, value);
    }
    write_file(folder_.path() / name, content);
  }
  /// Puts EXIF with an orientation into a JPEG picture, as phones write it: big-endian, one entry.
  void set_orientation(const std::string& name, int orientation) {
    const std::string entry{'\x01', '\x12', 0, 3, 0, 0, 0, 1, 0, char(orientation), 0, 0};
    const std::string exif =
        std::string("Exif\0\0MM\0*\0\0\0\x08\0\x01", 16) + entry + std::string(4, '\0');
    std::string content = file_content(folder_.path() / name);
    content.insert(2, std::string("\xff\xe1\0", 3) + char(exif.size() + 2) + exif);
    write_file(folder_.path() / name, content);
  }
  /// The frames of a file as the command shows them.
  std::string reference(const Kind& kind) {
    const std::string stream = kind.selection.stream < 0 ? "" : " -map 0:v:0";
    ffmpeg("-i " + std::string(kind.file) + stream + " -frames:v " +
           std::to_string(kind.selection.max_frames) + " -vf '" + kind.show +
           "scale=flags=bicubic+full_chroma_int+full_chroma_inp+accurate_rnd,format=rgb24' "
           "-vsync passthrough -f rawvideo shown.rgb");
    return file_content(folder_.path() / "shown.rgb");
  }

  TemporaryFolder folder_;
};

class FfmpegClip : public FfmpegFile, public ::testing::WithParamInterface<Kind> {};

TEST_P(FfmpegClip, HasTheNumbersOfTheCommand) {
  const Kind& kind = GetParam();
  make(kind);
  const DecodedVideo video = read_video(folder_.path() / kind.file, kind.selection);
  EXPECT_LE(largest_difference(video.rgb, reference(kind)), 1);
  EXPECT_EQ(video.converted_from, kind.colours);
  EXPECT_FALSE(video.damaged);
  const bool lying = kind.turn[0] == 0;
  EXPECT_EQ(video.height > video.width, lying) << video.width << "x" << video.height;
}

INSTANTIATE_TEST_SUITE_P(Kinds, FfmpegClip, ::testing::ValuesIn(kKinds),
                         [](const auto& kind) { return std::string(kind.param.name); });

const Kind kPlain{"plain", "a.mp4", X264};

TEST_F(FfmpegFile, PictureOfACoverIsNoVideo) {
  make(kPlain);
  ffmpeg("-i a.mp4 -frames:v 1 -vf scale=640:480 cover.png");
  ffmpeg("-i cover.png -i a.mp4 -map 0 -map 1 -c copy -disposition:v:0 attached_pic b.mp4");
  EXPECT_EQ(read_video(folder_.path() / "b.mp4", 64).rgb,
            read_video(folder_.path() / "a.mp4", 64).rgb);
  EXPECT_ERROR(invalid_argument, "holds 1 video streams; stream 1 was asked for",
               read_video(folder_.path() / "b.mp4", {.stream = 1}));
}

TEST_F(FfmpegFile, EditListCutsFrames) {
  ffmpeg("-f lavfi -i testsrc2=s=96x64:r=30:d=2 -g 60 -bf 0 " X264 "a.mp4");
  ffmpeg("-ss 0.5 -i a.mp4 -c copy b.mp4");
  const DecodedVideo video = read_video(folder_.path() / "b.mp4", 64);
  EXPECT_EQ(video.num_frames, 45);
  EXPECT_FALSE(video.damaged);
  EXPECT_EQ(video.rgb, read_video(folder_.path() / "a.mp4", {.max_frames = 64, .first = 15}).rgb);
}

TEST_F(FfmpegFile, VariableRateIsSaid) {
  make(kPlain);
  EXPECT_FALSE(read_video(folder_.path() / "a.mp4", 64).variable_rate);
  make(kKinds[19]);
  EXPECT_TRUE(read_video(folder_.path() / "a.mp4", 64).variable_rate);
}

TEST_F(FfmpegFile, PicturesAreTheFramesOfAClip) {
  make(kPlain);
  const DecodedVideo video = read_video(folder_.path() / "a.mp4", 64);
  ffmpeg(
      "-i a.mp4 -vf scale=flags=bicubic+full_chroma_int+full_chroma_inp+accurate_rnd,format=rgb24"
      " -start_number 7 x%d.png");
  for (const char* name : {"x%d.png", "x%05d.png"}) {
    EXPECT_EQ(read_video(folder_.path() / name, 64).rgb, video.rgb);
  }
  EXPECT_EQ(read_video(folder_.path(), 64).rgb, video.rgb);
  const auto odd = read_video(folder_.path(), {.max_frames = 2, .first = 3, .stride = 8});
  EXPECT_EQ(odd.rgb,
            read_video(folder_.path() / "a.mp4", {.max_frames = 2, .first = 3, .stride = 8}).rgb);
  EXPECT_TRUE(odd.cut);
  EXPECT_ERROR(invalid_argument, "have no times", read_video(folder_.path(), {.fps = 8}));
  EXPECT_ERROR(not_found, "no numbered picture", read_video(folder_.path() / "y%d.png", 1));
  EXPECT_ERROR(invalid_file, "holds 21 frames; frame 21",
               read_video(folder_.path(), {.first = 21}));
  write_file(folder_.path() / "other_1.png", "");
  EXPECT_ERROR(invalid_file, "two series of pictures", read_video(folder_.path(), 1));
}

TEST_F(FfmpegFile, JpegIsTurnedByItsExif) {
  const Kind kind{"exif", "1.jpg", "-frames:v 1 -q:v 1 -pix_fmt yuvj444p"};
  const auto size_of = [](const DecodedVideo& video) {
    return std::pair(video.width, video.height);
  };
  for (int orientation = 1; orientation <= 8; ++orientation) {
    SCOPED_TRACE(orientation);
    make(kind);
    set_orientation(kind.file, orientation);
    const DecodedVideo video = read_video(folder_.path() / kind.file, 1);
    const bool lying = orientation >= 5;
    EXPECT_EQ(size_of(video), lying ? std::pair(64, 96) : std::pair(96, 64));
    EXPECT_LE(largest_difference(video.rgb, reference(kind)), 1);
    const DecodedVideo frames = read_video(folder_.path(), 1);
    EXPECT_EQ(frames.rgb, video.rgb);
  }
}

TEST_F(FfmpegFile, StillWebpIsOneFrame) {
  ffmpeg("-f lavfi -i testsrc2=s=96x64 -frames:v 1 -lossless 1 a.webp");
  EXPECT_EQ(read_video(folder_.path() / "a.webp", 4).num_frames, 1);
}

TEST_F(FfmpegFile, AnimatedWebp) {
  ffmpeg("-f lavfi -i testsrc2=s=96x64:r=8:d=1 -c:v libwebp_anim -lossless 1 -pix_fmt bgra a.webp");
  ffmpeg("-f lavfi -i testsrc2=s=96x64:r=8:d=1 -pix_fmt bgra -c:v png a.mov");
#ifdef FREEINIT_WITH_WEBP
  const DecodedVideo video = read_video(folder_.path() / "a.webp", 64);
  EXPECT_EQ(video.num_frames, 8);
  EXPECT_DOUBLE_EQ(video.fps, 8);
  EXPECT_EQ(video.rgb, read_video(folder_.path() / "a.mov", 64).rgb);
  EXPECT_EQ(read_video(folder_.path() / "a.webp", {.fps = 16}).num_frames, 16);
  const std::string whole = file_content(folder_.path() / "a.webp");
  write_file(folder_.path() / "b.webp", whole.substr(0, whole.size() / 2));
  EXPECT_ANY_THROW(static_cast<void>(read_video(folder_.path() / "b.webp", 64)));
#else
  EXPECT_ERROR(unsupported, "animated WebP", read_video(folder_.path() / "a.webp", 64));
#endif
}

}  // namespace
}  // namespace io_test
