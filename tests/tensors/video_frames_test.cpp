#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/tensors/resize.hpp>
#include <freeinit/tensors/video_frames.hpp>

#include <ATen/Functions.h>
#include <sys/resource.h>

#include <utility>
#include <vector>

namespace video_frames_test {

using freeinit::Interpolation;

/// A clip whose frame i has the gray value 10 i.
std::filesystem::path write_steps(const TemporaryFolder& folder, int num_frames) {
  const auto path = folder.path() / "steps.gif";
  freeinit::VideoWriter writer(path, {.width = 8, .height = 6, .fps = 10});
  for (int i = 0; i < num_frames; ++i) {
    writer.add_frame(std::vector<std::uint8_t>(8 * 6 * 3, static_cast<std::uint8_t>(10 * i)));
  }
  writer.finish();
  return path;
}

TEST(VideoFrames, LoadsTheSelection) {
  const TemporaryFolder folder;
  const auto path = write_steps(folder, 10);
  const auto video = freeinit::load_video_frames(path, {.max_frames = 3, .first = 2, .stride = 3});
  EXPECT_EQ(video.frames.sizes(), (std::vector<std::int64_t>{3, 6, 8, 3}));
  EXPECT_FALSE(video.cut);  // 2, 5, 8 are all there is
  const int expected[] = {20, 50, 80};
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(video.frames[i].to(at::kFloat).mean().item<float>(), expected[i], 2);
  }
  EXPECT_TRUE(freeinit::load_video_frames(path, {.max_frames = 2, .stride = 3}).cut);
  EXPECT_ERROR(invalid_file, "holds 10 frames; frame 10",
               freeinit::load_video_frames(path, {.first = 10}));
  EXPECT_ERROR(invalid_argument, "stride '0'", freeinit::load_video_frames(path, {.stride = 0}));
  EXPECT_ERROR(invalid_argument, "first frame '-1'",
               freeinit::load_video_frames(path, {.first = -1}));
}

TEST(VideoFrames, BytesFollowTheProfile) {
  const at::Tensor frames = at::tensor({0.0F, 0.6F / 255, 254.4F / 255, 254.6F / 255, 1.0F});
  const auto bytes = [](std::vector<int> values) { return at::tensor(values).to(at::kByte); };
  EXPECT_TRUE(freeinit::frame_bytes(frames).equal(bytes({0, 1, 254, 255, 255})));
  EXPECT_TRUE(freeinit::frame_bytes(frames, freeinit::Profile::official)
                  .equal(bytes({0, 0, 254, 254, 255})));
  const at::Tensor already = bytes({0, 200});
  EXPECT_TRUE(freeinit::frame_bytes(already).is_same(already));
}

TEST(VideoFrames, FitKeepsTheMiddleUndistorted) {
  // 12 wide, 4 high: left third black, middle white, right third black.
  const at::Tensor frames = at::zeros({2, 4, 12, 3}, at::kByte);
  frames.narrow(2, 4, 4).fill_(255);
  const at::Tensor fitted = freeinit::fit_frames(frames, 4, 4);
  EXPECT_TRUE(fitted.equal(at::full({2, 4, 4, 3}, 255, at::kByte)));
  EXPECT_EQ(freeinit::fit_frames(frames, 7, 5).sizes(), (std::vector<std::int64_t>{2, 7, 5, 3}));
  EXPECT_TRUE(freeinit::fit_frames(frames, 4, 12).equal(frames));
}

// What lies outside the crop is not computed, and what lies inside is the same to the bit.
TEST(VideoFrames, CropsBeforeItResizes) {
  const at::Tensor images =
      at::arange(2 * 3 * 37 * 53).remainder(251).to(at::kByte).reshape({2, 3, 37, 53});
  const std::vector<std::pair<freeinit::ImageSize, freeinit::ImageSize>> cases{
      {{37, 53}, {20, 20}}, {{20, 29}, {20, 20}},   {{11, 60}, {8, 31}},
      {{90, 130}, {64, 1}}, {{200, 286}, {33, 64}}, {{37, 53}, {37, 53}}};
  for (const auto interpolation : {Interpolation::bilinear, Interpolation::bicubic}) {
    for (const bool antialias : {true, false}) {
      for (const auto& [size, crop] : cases) {
        const at::Tensor whole =
            freeinit::resize_images(images, size.height, size.width, interpolation, antialias);
        const at::Tensor part =
            freeinit::resize_and_crop(images, size, crop, interpolation, antialias);
        EXPECT_TRUE(part.equal(freeinit::center_crop(whole, crop.height, crop.width)))
            << size.height << "x" << size.width;
      }
    }
  }
  EXPECT_ERROR(invalid_argument, "crop '38x53': does not fit inside; expected at most 37x53",
               freeinit::resize_and_crop(images, {37, 53}, {38, 53}, Interpolation::bilinear));
}

TEST(VideoFrames, ANarrowPictureTakesNoMoreMemoryThanItsFrame) {
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_SELF, &before);
  for (const at::Tensor& frames : {at::ones({1, 1, 4000, 3}), at::ones({1, 4000, 1, 3})}) {
    const at::Tensor fitted = freeinit::fit_frames(frames.to(at::kByte), 512, 512);
    EXPECT_TRUE(fitted.equal(at::ones({1, 512, 512, 3}, at::kByte)));
  }
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT((after.ru_maxrss - before.ru_maxrss) / 1024, 64);  // MiB
}

TEST(VideoFrames, AntialiasingAverages) {
  const at::Tensor stripes = at::arange(16, at::kFloat).remainder(2).expand({1, 1, 16, 16});
  const at::Tensor smooth = freeinit::resize_images(stripes, 2, 2, Interpolation::bilinear);
  EXPECT_NEAR(smooth.mean().item<float>(), 0.5, 0.03);
  EXPECT_LT(smooth.std().item<float>(), 0.05);
}

TEST(VideoFrames, RefusesWhatDoesNotFit) {
  const at::Tensor images = at::zeros({1, 3, 4, 4});
  EXPECT_ERROR(invalid_argument, "does not fit", freeinit::center_crop(images, 5, 4));
  EXPECT_ERROR(invalid_argument, "image height '0': outside its range; expected 1 to 16384",
               freeinit::resize_images(images, 0, 4, Interpolation::bilinear));
  EXPECT_ERROR(invalid_argument, "image width '10000000000'",
               freeinit::fit_frames(at::zeros({1, 4, 4, 3}, at::kByte), 4, 10'000'000'000));
  EXPECT_ERROR(invalid_argument, "[N, height, width, 3]", freeinit::fit_frames(images, 4, 4));
}

}  // namespace video_frames_test
