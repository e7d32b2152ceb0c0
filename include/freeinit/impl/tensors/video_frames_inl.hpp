#pragma once

#include <freeinit/impl/tensors/frames_check_inl.hpp>
#include <freeinit/impl/tensors/resize_inl.hpp>
#include <freeinit/tensors/video_frames.hpp>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace freeinit::inline FREEINIT_ABI {
FREEINIT_INLINE VideoFrames load_video_frames(const std::filesystem::path& path,
                                              const FrameSelection& selection) {
  const DecodedVideo video = read_video(path, selection);
  const at::Tensor frames = at::empty({video.num_frames, video.height, video.width, 3}, at::kByte);
  std::memcpy(frames.mutable_data_ptr(), video.rgb.data(), video.rgb.size());
  return {.frames = frames, .fps = video.fps, .cut = video.cut, .damaged = video.damaged};
}

FREEINIT_INLINE at::Tensor fit_frames(const at::Tensor& frames, std::int64_t height,
                                      std::int64_t width) {
  detail::check_frames("frames", frames);
  detail::check_image_size(height, width);
  const auto h = static_cast<double>(frames.size(1));
  const auto w = static_cast<double>(frames.size(2));
  const double scale = std::max(static_cast<double>(height) / h, static_cast<double>(width) / w);
  const auto covering = [scale](double size, std::int64_t least) {
    return std::max(least, static_cast<std::int64_t>(std::llround(size * scale)));
  };
  return resize_and_crop(frames.permute({0, 3, 1, 2}), {covering(h, height), covering(w, width)},
                         {height, width}, Interpolation::bilinear)
      .permute({0, 2, 3, 1})
      .contiguous();
}

}  // namespace freeinit::inline FREEINIT_ABI
