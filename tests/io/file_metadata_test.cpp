#include "io/clip.hpp"
#include "io/raw_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/io/file_metadata.hpp>
#include <freeinit/io/video_file.hpp>

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace io_test {
namespace {

using Texts = std::map<std::string, std::string>;

class FileMetadata : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const Texts& metadata) {
    freeinit::VideoWriter writer(folder_.path() / name,
                                 {.width = 32, .height = 32, .fps = 8, .metadata = metadata});
    for (int t = 0; t < 3; ++t) writer.add_frame(soft_frame(32, 32, t));
    writer.finish();
    return folder_.path() / name;
  }
  TemporaryFolder folder_;
};

TEST_F(FileMetadata, ComesBackFromEveryFormat) {
  const std::string comment = "{\"prompt\": \"caf\u00E9 \u72D7\"}" + std::string(1000, 'x');
  for (const std::string name : {"a.mp4", "a.webm", "a.gif", "a.mov", "a.mkv", "frames/"}) {
    const auto path = write(name, {{"title", "a \u201Cred\u201D\ncircle"}, {"comment", comment}});
    const Texts found = freeinit::read_file_metadata(path);
    EXPECT_EQ(found.at("comment"), comment) << name;
    if (name == "a.gif") continue;
    EXPECT_EQ(found.at("title"), "a \u201Cred\u201D\ncircle") << name;
  }
}

TEST_F(FileMetadata, ChangesNoFrame) {
  for (const std::string name : {"a.mp4", "a.webm", "a.gif", "a.mov", "a.mkv"}) {
    const auto plain = freeinit::read_video(write(name, {}), 10);
    EXPECT_FALSE(freeinit::read_file_metadata(folder_.path() / name).contains("comment"));
    const auto described = freeinit::read_video(write(name, {{"comment", "x"}}), 10);
    EXPECT_EQ(described.rgb, plain.rgb) << name;
    EXPECT_EQ(described.num_frames, plain.num_frames) << name;
    EXPECT_EQ(described.fps, plain.fps) << name;
  }
  const auto picture = write("frames/", {{"comment", "x"}}) / "frame_00002.png";
  EXPECT_EQ(freeinit::read_video(picture, 1).rgb, soft_frame(32, 32, 2));
}

TEST_F(FileMetadata, IsTheSameFromRunToRun) {
  for (const std::string extension : {".mp4", ".webm", ".gif", ".mov", ".mkv"}) {
    EXPECT_EQ(file_content(write("a" + extension, {{"title", "t"}, {"comment", "c"}})),
              file_content(write("b" + extension, {{"title", "t"}, {"comment", "c"}})));
  }
}

TEST_F(FileMetadata, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_EQ(freeinit::read_file_metadata(write("a.mp4", {{"title", "caf\xE9"}})).at("title"),
            "caf\uFFFD");
}

TEST_F(FileMetadata, OfWhatIsNoSuchFile) {
  EXPECT_ERROR(not_found, "none.mp4", freeinit::read_file_metadata(folder_.path() / "none.mp4"));
  EXPECT_ERROR(not_found, "frame_00000.png", freeinit::read_file_metadata(folder_.path()));
  write_file(folder_.path() / "a.mp4", "no video");
  EXPECT_ERROR(invalid_file, "a.mp4", freeinit::read_file_metadata(folder_.path() / "a.mp4"));
  write_file(folder_.path() / "a.png", "\x89PNG\r\n\x1a\n\x7f\xff\xff\xffiTXt");  // cut short
  EXPECT_TRUE(freeinit::read_file_metadata(folder_.path() / "a.png").empty());
}

}  // namespace
}  // namespace io_test
