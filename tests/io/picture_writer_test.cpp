#include "io/raw_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/io/video_file.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

namespace io_test {
namespace {

TEST(PictureWriter, WritesMoreThanEightBits) {
  const TemporaryFolder temporary;
  const std::vector<float> frame{0.0F, 0.25F, 1.0F, 0.001F, 0.5F, 0.75F};  // two pixels
  for (const char* name : {"frame_%05d.png", "frame_%05d.exr"}) {
    const std::filesystem::path folder = temporary.path() / ("of " + std::string(name).substr(11));
    freeinit::PictureWriter writer(folder / name, 2, 1);
    writer.add_frame(frame);
    writer.add_frame(frame);
    EXPECT_FALSE(std::filesystem::exists(folder));
    writer.finish();
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 2);
    const std::string file = file_content(folder / ("frame_00001" + std::string(name).substr(10)));
    if (std::string(name).ends_with("png")) {
      EXPECT_EQ(file.substr(16, 9), std::string("\0\0\0\2\0\0\0\1\x10", 9));  // width, height, bits
      const freeinit::DecodedVideo read = freeinit::read_video(folder, 2);
      EXPECT_EQ(read.num_frames, 2);
      // libswscale brings 16 bits to 8 by a rule of its own, up to a level away.
      for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(read.rgb[i], frame[i] * 255, 1.0) << i;
    } else {
      // The row: its place and size, then blue, green and red of linear light, 32-bit numbers.
      std::array<float, 6> row{};
      std::memcpy(row.data(), file.data() + file.size() - sizeof row, sizeof row);
      const std::array<float, 6> expected{1.0F, 0.522521F, 0.050876F, 0.214041F, 0.0F, 0.0000774F};
      for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(row[i], expected[i], 1e-6) << i;
    }
  }
  EXPECT_ERROR(invalid_argument, "DIR/frame_%05d.png or DIR/frame_%05d.exr",
               freeinit::check_picture_pattern("frame_%05d.png"));
  EXPECT_ERROR(invalid_argument, "expected a folder", freeinit::check_picture_pattern("a/b.png"));
  freeinit::PictureWriter writer(temporary.path() / "x/frame_%05d.png", 2, 1);
  EXPECT_ERROR(invalid_argument, "picture of 3 numbers: expected 6",
               writer.add_frame(std::vector<float>(3)));
}

}  // namespace
}  // namespace io_test
