#include "io/raw_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/impl/io/temporary_output_inl.hpp>
#include <freeinit/io/output_file.hpp>
#include <freeinit/io/text_file.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <iterator>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace io_test {
namespace {

using freeinit::OutputFile;
using freeinit::OutputKind;

class OutputFileTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }
  TemporaryFolder folder_;
};

TEST_F(OutputFileTest, SaysWhetherItReplaces) {
  const auto replaces = [this](const char* name) {
    return OutputFile(folder_.path() / name).replaces();
  };
  EXPECT_FALSE(replaces("new"));
  write_file(folder_.path() / "old", "x");
  EXPECT_TRUE(replaces("old"));
  std::filesystem::create_symlink("old", folder_.path() / "link");
  EXPECT_TRUE(replaces("link"));
  std::filesystem::create_symlink("nowhere", folder_.path() / "loose");
  EXPECT_FALSE(replaces("loose"));
  std::filesystem::create_directory(folder_.path() / "folder");
  EXPECT_FALSE(replaces("folder"));
  write_file(folder_.path() / "folder/frame_00000.png", "x");
  EXPECT_TRUE(replaces("folder"));
  EXPECT_FALSE(OutputFile("/dev/null").replaces());
}

TEST_F(OutputFileTest, AppearsAtCommit) {
  OutputFile output(folder_.path() / "clip.mp4");
  EXPECT_EQ(entries(), 0U);  // a file without a name
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
  OutputFile output(folder_.path() / "frames/", OutputKind::folder);
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
  OutputFile output(folder_.path() / "home", OutputKind::folder);
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
  OutputFile frames(folder_.path() / "frames", OutputKind::folder);
  std::filesystem::create_directory(frames.temporary());
  EXPECT_ERROR(io, "a file of that name is in the way", frames.commit());
}

TEST_F(OutputFileTest, FollowsLinks) {
  const auto folder = folder_.path();
  std::filesystem::create_directories(folder / "far");
  write_file(folder / "far/clip.mp4", "old");
  std::filesystem::create_symlink("far/clip.mp4", folder / "near.mp4");
  std::filesystem::create_symlink(folder / "near.mp4", folder / "first.mp4");
  OutputFile output(folder / "first.mp4");
  write_file(output.temporary(), "new");
  EXPECT_EQ(file_content(folder / "far/clip.mp4"), "old");
  output.commit();
  EXPECT_EQ(file_content(folder / "far/clip.mp4"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "first.mp4"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "near.mp4"));
  EXPECT_EQ(entries(), 3U);

  std::filesystem::create_symlink("far/none.txt", folder / "dangling.txt");
  freeinit::write_text_file(folder / "dangling.txt", "made");
  EXPECT_EQ(file_content(folder / "far/none.txt"), "made");
  std::filesystem::create_symlink("nowhere/none.txt", folder / "lost.txt");
  EXPECT_ERROR(io, "nowhere' does not exist", OutputFile(folder / "lost.txt"));
  std::filesystem::create_symlink("circle", folder / "circle");
  EXPECT_ERROR(io, "too many links", OutputFile(folder / "circle"));
}

TEST_F(OutputFileTest, FollowsALinkToAFolder) {
  std::filesystem::create_directory(folder_.path() / "frames");
  write_file(folder_.path() / "frames/frame_00007.png", "old");
  std::filesystem::create_directory_symlink("frames", folder_.path() / "link");
  OutputFile output(folder_.path() / "link/", OutputKind::folder);
  std::filesystem::create_directory(output.temporary());
  write_file(output.temporary() / "frame_00000.png", "new");
  output.commit();
  EXPECT_TRUE(std::filesystem::is_symlink(folder_.path() / "link"));
  EXPECT_EQ(file_content(folder_.path() / "frames/frame_00000.png"), "new");
  EXPECT_EQ(entries(), 2U);
}

TEST_F(OutputFileTest, WritesThroughAPipe) {
  const auto path = folder_.path() / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const std::string text(300'000, 'x');  // more than a pipe holds
  std::string seen;
  std::jthread reader([&] { seen = file_content(path); });
  {
    OutputFile output(path);
    EXPECT_EQ(entries(), 1U);
    write_file(output.temporary(), text);
    const auto temporary = output.temporary();
    output.commit();
    EXPECT_FALSE(std::filesystem::exists(temporary));
  }
  reader.join();
  EXPECT_EQ(seen, text);
  EXPECT_TRUE(std::filesystem::is_fifo(path));
  EXPECT_EQ(entries(), 1U);
  { OutputFile unused(path); }  // waits for nobody
  OutputFile folder(path, OutputKind::folder);
  std::filesystem::create_directory(folder.temporary());
  EXPECT_ERROR(io, "a file of that name is in the way", folder.commit());
}

TEST_F(OutputFileTest, WritesThroughDevices) {
  std::filesystem::create_symlink("/dev/null", folder_.path() / "null.csv");
  freeinit::write_text_file(folder_.path() / "null.csv", "text");
  EXPECT_TRUE(std::filesystem::is_symlink(folder_.path() / "null.csv"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  const auto full = folder_.path() / "full.csv";
  std::filesystem::create_symlink("/dev/full", full);
  EXPECT_ERROR(io, "full.csv': writing failed", freeinit::write_text_file(full, "text"));
}

// Wherever standard output leads, its place in the file is shared with it, and the file stays.
TEST_F(OutputFileTest, WritesThroughStandardOutput) {
  const auto path = folder_.path() / "stdout.txt";
  const auto link = folder_.path() / "link";
  std::filesystem::create_symlink("/dev/stdout", link);
  std::fflush(nullptr);
  const int before = dup(STDOUT_FILENO);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(file, STDOUT_FILENO);
  bool written = write(STDOUT_FILENO, "a", 1) == 1;
  freeinit::write_text_file(link, "b");
  written = written && write(STDOUT_FILENO, "c", 1) == 1;
  const auto other = "/proc/self/fd/" + std::to_string(file);  // the same file by another number
  freeinit::write_text_file(other, "d");
  dup2(before, STDOUT_FILENO);
  close(before);
  freeinit::write_text_file(other, "e");
  close(file);
  EXPECT_TRUE(written);
  EXPECT_EQ(file_content(path), "abcde");
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

TEST_F(OutputFileTest, RemovesWhatKilledProcessesLeft) {
  const auto at = [this](const char* name) { return folder_.path() / name; };
  const char* left = ".freeinit-0123456789abcdef.mp4";
  const char* left_folder = ".freeinit-0123456789abcdef";
  const char* held = ".freeinit-00000000000000ff.mp4";
  const char* foreign = ".freeinit-notes.txt";
  std::filesystem::create_directory(at(left_folder));
  for (const auto& path : {at(left), at(left_folder) / "frame_00000.png", at(held), at(foreign)}) {
    write_file(path, "half");
  }
  const int writer = open(at(held).c_str(), O_RDONLY);
  ASSERT_EQ(flock(writer, LOCK_EX | LOCK_NB), 0);
  { OutputFile output(at("clip.mp4")); }
  EXPECT_FALSE(std::filesystem::exists(at(left)));
  EXPECT_FALSE(std::filesystem::exists(at(left_folder)));
  EXPECT_TRUE(std::filesystem::exists(at(held))) << "somebody writes it";
  EXPECT_TRUE(std::filesystem::exists(at(foreign))) << "no name of ours";
  close(writer);
  { OutputFile output(at("frames"), OutputKind::folder); }
  EXPECT_FALSE(std::filesystem::exists(at(held)));
}

// Between its creation and its lock an output looks as if it had been left.
TEST_F(OutputFileTest, WhatJustBeginsIsNotRemoved) {
  const std::jthread cleaner([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) freeinit::detail::remove_left_behind(folder_.path());
  });
  for (int i = 0; i < 6000; ++i) {
    const bool is_folder = i % 2 == 0;
    const auto made = freeinit::detail::open_hidden(folder_.path(), "clip.mp4", is_folder);
    ASSERT_GE(made.descriptor, 0) << i;
    std::this_thread::yield();
    ASSERT_TRUE(std::filesystem::exists(made.path)) << i;
    std::filesystem::remove(made.path);
    close(made.descriptor);
  }
}

}  // namespace
}  // namespace io_test
