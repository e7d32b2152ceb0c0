#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/tensors/byte_resize_inl.hpp>
#include <freeinit/tensors/video_frames.hpp>

#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_images(const at::Tensor& images) {
  const bool known =
      images.defined() && (images.is_floating_point() || images.scalar_type() == at::kByte);
  if (known && images.dim() == 4 && images.numel() > 0) return;
  raise(ErrorCode::invalid_argument,
        c10::str("images '", images.defined() ? images.sizes() : at::IntArrayRef{},
                 "': expected uint8 or floating point values of shape [N, C, height, width]"));
}

FREEINIT_INLINE void check_frames(const at::Tensor& frames) {
  if (frames.defined() && frames.dim() == 4 && frames.size(3) == 3 && frames.numel() > 0 &&
      frames.scalar_type() == at::kByte) {
    return;
  }
  raise(ErrorCode::invalid_argument,
        c10::str("frames '", frames.defined() ? frames.sizes() : at::IntArrayRef{},
                 "': expected uint8 values of shape [F, height, width, 3]"));
}

/// Bytes [N,C,H,W] resized like Pillow, first along rows, then along columns.
FREEINIT_INLINE at::Tensor resize_bytes(const at::Tensor& images, std::int64_t height,
                                        std::int64_t width, Interpolation interpolation) {
  const at::Tensor rows = images.to(at::kCPU).permute({0, 2, 3, 1}).contiguous();  // [N,H,W,C]
  const std::int64_t count = rows.size(0);
  const std::int64_t channels = rows.size(3);
  at::Tensor result = at::empty({count, height, width, channels}, at::kByte);
  for (std::int64_t n = 0; n < count; ++n) {  // one picture at a time: memory stays small
    const at::Tensor picture = rows.select(0, n);
    const auto* const bytes = picture.const_data_ptr<std::uint8_t>();
    const auto narrow =
        resize_byte_axis(bytes, rows.size(1), rows.size(2), channels, width, interpolation);
    const auto done =
        resize_byte_axis(narrow.data(), 1, rows.size(1), width * channels, height, interpolation);
    std::memcpy(result.select(0, n).mutable_data_ptr(), done.data(), done.size());
  }
  return result.permute({0, 3, 1, 2});
}

}  // namespace detail

FREEINIT_INLINE VideoFrames load_video_frames(const std::filesystem::path& path,
                                              const FrameSelection& selection) {
  const DecodedVideo video = read_video(path, selection);
  const at::Tensor frames = at::empty({video.num_frames, video.height, video.width, 3}, at::kByte);
  std::memcpy(frames.mutable_data_ptr(), video.rgb.data(), video.rgb.size());
  return {.frames = frames, .fps = video.fps, .cut = video.cut, .damaged = video.damaged};
}

FREEINIT_INLINE at::Tensor resize_images(const at::Tensor& images, std::int64_t height,
                                         std::int64_t width, Interpolation interpolation,
                                         bool antialias) {
  detail::check_images(images);
  if (height < 1 || width < 1) {
    raise(ErrorCode::invalid_argument,
          c10::str("image size ", height, "x", width, ": expected at least 1x1"));
  }
  const std::int64_t size[] = {height, width};
  const bool bytes = images.scalar_type() == at::kByte;
  const bool cubic = interpolation == Interpolation::bicubic;
  if (antialias && bytes) return detail::resize_bytes(images, height, width, interpolation);
  const at::Tensor input = images.to(at::kCPU, at::kFloat);
  if (antialias) {
    return cubic ? at::_upsample_bicubic2d_aa(input, size, false)
                 : at::_upsample_bilinear2d_aa(input, size, false);
  }
  const at::Tensor resized = cubic ? at::upsample_bicubic2d(input, size, false)
                                   : at::upsample_bilinear2d(input, size, false);
  return bytes ? resized.round().clamp(0, 255).to(at::kByte) : resized;
}

FREEINIT_INLINE at::Tensor center_crop(const at::Tensor& images, std::int64_t height,
                                       std::int64_t width) {
  detail::check_images(images);
  const std::int64_t spare_height = images.size(2) - height;
  const std::int64_t spare_width = images.size(3) - width;
  if (height < 1 || width < 1 || spare_height < 0 || spare_width < 0) {
    raise(ErrorCode::invalid_argument, c10::str("crop ", height, "x", width, " of images ",
                                                images.sizes(), ": does not fit inside"));
  }
  // nearbyint rounds half to even in the default mode, as Python does.
  const auto half = [](std::int64_t spare) {
    return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(spare) / 2.0));
  };
  return images.narrow(2, half(spare_height), height).narrow(3, half(spare_width), width);
}

FREEINIT_INLINE at::Tensor fit_frames(const at::Tensor& frames, std::int64_t height,
                                      std::int64_t width) {
  detail::check_frames(frames);
  const auto h = static_cast<double>(frames.size(1));
  const auto w = static_cast<double>(frames.size(2));
  const double scale = std::max(static_cast<double>(height) / h, static_cast<double>(width) / w);
  const auto covering = [scale](double size, std::int64_t least) {
    return std::max(least, static_cast<std::int64_t>(std::llround(size * scale)));
  };
  const at::Tensor images = frames.permute({0, 3, 1, 2});
  const at::Tensor resized =
      resize_images(images, covering(h, height), covering(w, width), Interpolation::bilinear);
  return center_crop(resized, height, width).permute({0, 2, 3, 1}).contiguous();
}

}  // namespace freeinit::inline FREEINIT_ABI
