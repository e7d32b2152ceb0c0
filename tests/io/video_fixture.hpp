#pragma once

#include "io/clip.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/io/video_file.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <span>
#include <string>

namespace io_test {

using freeinit::DecodedVideo;
using freeinit::read_video;
using freeinit::VideoWriter;

/// A folder in which videos are written and read again.
class VideoFile : public ::testing::Test {
 protected:
  /// Writes `frames` copies of what `make(t)` gives.
  template <class Make>
  std::filesystem::path write(const std::string& name, int width, int height, double fps,
                              int frames, Make make) {
    VideoWriter writer(folder_.path() / name, {width, height, fps});
    for (int t = 0; t < frames; ++t) writer.add_frame(make(t));
    writer.finish();
    return folder_.path() / name;
  }
  std::filesystem::path write_soft(const std::string& name, int width, int height, double fps = 8,
                                   int frames = 12) {
    return write(name, width, height, fps, frames,
                 [&](int t) { return soft_frame(width, height, t); });
  }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }
  /// Least PSNR over the frames of a round trip.
  double round_trip(const std::string& name, int width, int height) {
    const DecodedVideo video = read_video(write_soft(name, width, height), 100);
    EXPECT_EQ(video.num_frames, 12) << name;
    EXPECT_EQ(video.fps, 8.0) << name;
    EXPECT_FALSE(video.cut) << name;
    EXPECT_FALSE(video.damaged) << name;
    EXPECT_EQ(video.width, width) << name;
    EXPECT_EQ(video.height, height) << name;
    const std::size_t bytes = std::size_t(width) * std::size_t(height) * 3;
    EXPECT_EQ(video.rgb.size(), bytes * 12) << name;
    double least = INFINITY;
    for (int t = 0; t < 12; ++t) {
      const auto frame = std::span(video.rgb).subspan(bytes * std::size_t(t), bytes);
      least = std::min(least, psnr(soft_frame(width, height, t), frame));
    }
    return least;
  }
  TemporaryFolder folder_;
};

}  // namespace io_test
