// Files that want more than to be read.
#include "io/clip.hpp"
#include "io/raw_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/io/file_metadata.hpp>
#include <freeinit/io/text_file.hpp>
#include <freeinit/io/video_file.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <utility>

namespace io_test {
namespace {

using freeinit::read_video;

class ForeignFile : public ::testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path write_clip(const std::string& name) const {
    freeinit::VideoWriter writer(folder_.path() / name, {.width = 16, .height = 16});
    writer.add_frame(soft_frame(16, 16, 0));
    writer.finish();
    return folder_.path() / name;
  }
  TemporaryFolder folder_;
};

// Whatever a file says, no other is opened.
TEST_F(ForeignFile, ReaderRefusesPlaylists) {
  const auto clip = write_clip("clip.mp4");
  EXPECT_EQ(read_video(clip, 1).num_frames, 1);
  const std::string name = clip.string();
  const std::pair<const char*, std::string> lists[] = {
      {"hls.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + name + "\n#EXT-X-ENDLIST\n"},
      {"concat.mp4", "ffconcat version 1.0\nfile clip.mp4\n"},
      {"stream.sdp",
       "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
       "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"},
      {"dash.mpd",
       "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
       "profiles=\"urn:mpeg:dash:profile:isoff-main:2011\"><Period><AdaptationSet>"
       "<Representation id=\"0\" mimeType=\"video/mp4\"><BaseURL>clip.mp4</BaseURL>"
       "</Representation></AdaptationSet></Period></MPD>"},
      {"script.avs", "FFmpegSource(\"clip.mp4\")\n"},
      {"metadata.mp4", ";FFMETADATA1\ntitle=x\n"}};
  for (const auto& [file, text] : lists) {
    const std::string list = file;  // clang 14 captures no structured binding
    write_file(folder_.path() / list, text);
    SCOPED_TRACE(list);
    EXPECT_ERROR(invalid_file, list, read_video(folder_.path() / list, 1));
    EXPECT_ERROR(invalid_file, list, freeinit::read_file_metadata(folder_.path() / list));
  }
  EXPECT_ERROR(invalid_file, "of a kind that is not opened",
               read_video(folder_.path() / "concat.mp4", 1));
}

// A picture that bears the name of a pattern is that picture.
TEST_F(ForeignFile, ReaderTakesAPatternThatIsAFileAsAFile) {
  freeinit::write_png(folder_.path() / "a_00000.png", soft_frame(8, 8, 0), 8, 8);
  freeinit::write_png(folder_.path() / "a_%05d.png", soft_frame(16, 16, 0), 16, 16);
  EXPECT_EQ(read_video(folder_.path() / "a_%05d.png", 2).width, 16);
}

TEST_F(ForeignFile, ReaderRefusesWhatIsNoFile) {
  const auto pipe = folder_.path() / "pipe.mp4";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_ERROR(io, "a regular file is expected", read_video(pipe, 1));
  EXPECT_ERROR(io, "a regular file is expected", read_video("/dev/zero", 1));
  EXPECT_ERROR(io, "a regular file is expected", freeinit::read_file_metadata(pipe));
}

TEST_F(ForeignFile, TextsAreLimited) {
  using freeinit::read_text_file;
  EXPECT_ERROR(invalid_file, "text '/dev/zero': is longer than 16 MiB",
               read_text_file("/dev/zero", "text"));
  EXPECT_ERROR(io, "is a folder", read_text_file(folder_.path(), "text"));
  EXPECT_ERROR(not_found, "no such file", read_text_file(folder_.path() / "none", "text"));
  const auto socket = folder_.path() / "socket";
  ASSERT_EQ(mknod(socket.c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_ERROR(io, "a regular file is expected", read_text_file(socket, "text"));
  write_file(folder_.path() / "text", "x");
  EXPECT_EQ(read_text_file(folder_.path() / "text", "text"), "x");
}

TEST_F(ForeignFile, JsonIsLimited) {
  using freeinit::check_json_text;
  EXPECT_NO_THROW(check_json_text(R"({"a":[1,{"a":null}]})", "t"));
  EXPECT_ERROR(invalid_file, "t: the key 'a' occurs twice",
               check_json_text(R"({"a":1,"a":2})", "t"));
  EXPECT_ERROR(invalid_file, "not valid JSON", check_json_text("{", "t"));
  EXPECT_ERROR(invalid_file, "nested too deep", check_json_text(std::string(65, '['), "t"));
  EXPECT_ERROR(invalid_file, "takes 5000 bytes; expected at most 4096",
               check_json_text("{\"" + std::string(5000, 'k') + "\":1}", "t"));
}

}  // namespace
}  // namespace io_test
