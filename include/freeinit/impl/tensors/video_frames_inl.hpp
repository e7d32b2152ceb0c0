#pragma once

#include <freeinit/impl/tensors/frames_check_inl.hpp>
#include <freeinit/impl/tensors/resize_inl.hpp>
#include <freeinit/tensors/video_frames.hpp>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

namespace freeinit::inline FREEINIT_ABI {
FREEINIT_INLINE VideoFrames load_video_frames(const std::filesystem::path& path,
                                              const FrameSelection& selection) {
  const DecodedVideo video = read_video(path, selection);
  const at::Tensor frames = at::empty({video.num_frames, video.height, video.width, 3}, at::kByte);
  std::memcpy(frames.mutable_data_ptr(), video.rgb.data(), video.rgb.size());
  return {.frames = frames,
          .fps = video.fps,
          .cut = video.cut,
          .damaged = video.damaged,
          .variable_rate = video.variable_rate,
          .converted_from = video.converted_from};
}

FREEINIT_INLINE at::Tensor frame_bytes(const at::Tensor& frames, Profile profile) {
  if (!frames.defined() || !frames.is_floating_point()) return frames;
  const at::Tensor scaled = frames.mul(255);
  const bool rounds = profile == Profile::diffusers;
  return (rounds ? scaled.round() : scaled).to(at::kByte).contiguous();
}

FREEINIT_INLINE void save_video_frames(const std::filesystem::path& path, const at::Tensor& frames,
                                       double fps) {
  const at::Tensor bytes = frame_bytes(frames);
  detail::check_frames("frames", bytes);
  const at::Tensor on_host = bytes.to(at::kCPU).contiguous();
  VideoWriter writer(path, {.width = static_cast<int>(bytes.size(2)),
                            .height = static_cast<int>(bytes.size(1)),
                            .fps = fps});
  const auto size = static_cast<std::size_t>(bytes[0].numel());
  for (std::int64_t i = 0; i < bytes.size(0); ++i) {
    writer.add_frame(std::span(on_host[i].const_data_ptr<std::uint8_t>(), size));
  }
  writer.finish();
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
