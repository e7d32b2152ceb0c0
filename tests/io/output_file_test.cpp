#include "io/raw_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/io/output_file.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <iterator>
#include <utility>

namespace io_test {
namespace {

using freeinit::OutputFile;

class OutputFileTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }
  TemporaryFolder folder_;
};

TEST_F(OutputFileTest, AppearsAtCommit) {
  OutputFile output(folder_.path() / "clip.mp4");
  EXPECT_EQ(entries(), 0U);  // the trial file is gone again
  EXPECT_EQ(output.temporary().extension(), ".mp4");
  EXPECT_EQ(output.temporary().parent_path(), folder_.path());
  write_file(output.temporary(), "new");
  EXPECT_FALSE(std::filesystem::exists(output.path()));
  output.commit();
  EXPECT_EQ(file_content(folder_.path() / "clip.mp4"), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(OutputFileTest, WithoutCommitNothingIsLeftAndTheOldFileStays) {
  write_file(folder_.path() / "clip.mp4", "old");
  {
    OutputFile output(folder_.path() / "clip.mp4");
    write_file(output.temporary(), "half");
  }
  EXPECT_EQ(entries(), 1U);
  EXPECT_EQ(file_content(folder_.path() / "clip.mp4"), "old");
}

TEST_F(OutputFileTest, ReplacesAFile) {
  write_file(folder_.path() / "clip.mp4", "old");
  OutputFile first(folder_.path() / "clip.mp4");
  OutputFile output(std::move(first));
  write_file(output.temporary(), "new");
  output.commit();
  EXPECT_EQ(file_content(folder_.path() / "clip.mp4"), "new");
}

TEST_F(OutputFileTest, ReplacesAFolderOfFrames) {
  std::filesystem::create_directory(folder_.path() / "frames");
  write_file(folder_.path() / "frames/frame_00007.png", "old");
  OutputFile output(folder_.path() / "frames/");
  EXPECT_EQ(output.path(), folder_.path() / "frames");
  std::filesystem::create_directory(output.temporary());
  write_file(output.temporary() / "frame_00000.png", "new");
  output.commit();
  EXPECT_EQ(file_content(folder_.path() / "frames/frame_00000.png"), "new");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "frames/frame_00007.png"));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(OutputFileTest, KeepsAFolderWithOtherFiles) {
  std::filesystem::create_directory(folder_.path() / "home");
  write_file(folder_.path() / "home/frame_00000.png", "x");
  write_file(folder_.path() / "home/thesis.tex", "x");
  EXPECT_ERROR(io, "holds other files than frame_*.png", OutputFile(folder_.path() / "home"));
  // Also when the stranger arrives during the run.
  std::filesystem::remove(folder_.path() / "home/thesis.tex");
  OutputFile output(folder_.path() / "home");
  std::filesystem::create_directory(output.temporary());
  write_file(folder_.path() / "home/thesis.tex", "x");
  EXPECT_ERROR(io, "holds other files than frame_*.png", output.commit());
  EXPECT_EQ(file_content(folder_.path() / "home/thesis.tex"), "x");
}

TEST_F(OutputFileTest, FileAndFolderDoNotReplaceEachOther) {
  std::filesystem::create_directory(folder_.path() / "a.mp4");
  OutputFile file(folder_.path() / "a.mp4");
  write_file(file.temporary(), "x");
  EXPECT_ERROR(io, "a folder of that name is in the way", file.commit());
  write_file(folder_.path() / "frames", "x");
  OutputFile frames(folder_.path() / "frames");
  std::filesystem::create_directory(frames.temporary());
  EXPECT_ERROR(io, "a file of that name is in the way", frames.commit());
}

TEST_F(OutputFileTest, RefusesPlacesItCannotWriteTo) {
  EXPECT_ERROR(io, "the folder '/nonexistent' does not exist", OutputFile("/nonexistent/clip.mp4"));
  EXPECT_ERROR(io, "is not the name of a file", OutputFile("/"));
  EXPECT_ERROR(io, "is not the name of a file", OutputFile(""));
  EXPECT_ERROR(io, "is not the name of a file", OutputFile(folder_.path() / ".."));
  EXPECT_ERROR(io, "cannot be written to", OutputFile("/proc/clip.mp4"));
  if (geteuid() == 0) return;  // the superuser may write anywhere
  std::filesystem::permissions(
      folder_.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_ERROR(io, "cannot be written to", OutputFile(folder_.path() / "clip.mp4"));
  std::filesystem::permissions(folder_.path(), std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace io_test
