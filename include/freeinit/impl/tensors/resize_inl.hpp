#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/impl/tensors/byte_resize_inl.hpp>
#include <freeinit/tensors/resize.hpp>

#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <cmath>
#include <cstring>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_images(const at::Tensor& images) {
  const bool known =
      images.defined() && (images.is_floating_point() || images.scalar_type() == at::kByte);
  if (known && images.dim() == 4 && images.numel() > 0) return;
  raise(ErrorCode::invalid_argument,
        concat("images '", images.defined() ? images.sizes() : at::IntArrayRef{},
               "': expected uint8 or floating point values of shape [N, C, height, width]"));
}

/// Sides whose products are bytes that a machine may have.
FREEINIT_INLINE void check_image_size(std::int64_t height, std::int64_t width) {
  constexpr std::int64_t kLargest = 16384;
  check_between("image height", height, 1, kLargest);
  check_between("image width", width, 1, kLargest);
}

FREEINIT_INLINE void check_crop(ImageSize whole, ImageSize crop) {
  check_image_size(crop.height, crop.width);
  if (crop.height <= whole.height && crop.width <= whole.width) return;
  raise(ErrorCode::invalid_argument,
        concat("crop '", crop.height, "x", crop.width, "': does not fit inside; expected at most ",
               whole.height, "x", whole.width));
}

/// Where the middle `part` of an axis of `whole` begins; half to even, as Python rounds.
FREEINIT_INLINE std::int64_t middle(std::int64_t whole, std::int64_t part) {
  return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(whole - part) / 2.0));
}

/// Bytes [N,C,H,W] resized like Pillow, first along rows, then along columns; made of what the
/// wanted part of each axis needs.
FREEINIT_INLINE at::Tensor resize_bytes(const at::Tensor& images, const ResizedAxis& height,
                                        const ResizedAxis& width, Interpolation interpolation) {
  const at::Tensor rows = images.to(at::kCPU).permute({0, 2, 3, 1}).contiguous();  // [N,H,W,C]
  const std::int64_t channels = rows.size(3);
  const WeightedAxis columns = weighted_axis(rows.size(2), width, interpolation);
  WeightedAxis lines = weighted_axis(rows.size(1), height, interpolation);
  const std::int64_t first_line = lines.ranges.front().first;
  const std::int64_t num_lines = lines.end() - first_line;
  for (WeightedRange& range : lines.ranges) range.first -= first_line;
  at::Tensor result = at::empty({rows.size(0), height.count, width.count, channels}, at::kByte);
  for (std::int64_t n = 0; n < rows.size(0); ++n) {  // one picture at a time: memory stays small
    const at::Tensor picture = rows.select(0, n).narrow(0, first_line, num_lines);
    const auto narrow = resize_byte_axis(picture.const_data_ptr<std::uint8_t>(), num_lines,
                                         rows.size(2), channels, columns);
    const auto done = resize_byte_axis(narrow.data(), 1, num_lines, width.count * channels, lines);
    std::memcpy(result.select(0, n).mutable_data_ptr(), done.data(), done.size());
  }
  return result.permute({0, 3, 1, 2});
}

}  // namespace detail

FREEINIT_INLINE at::Tensor resize_images(const at::Tensor& images, std::int64_t height,
                                         std::int64_t width, Interpolation interpolation,
                                         bool antialias) {
  detail::check_images(images);
  detail::check_image_size(height, width);
  const std::int64_t size[] = {height, width};
  const bool bytes = images.scalar_type() == at::kByte;
  const bool cubic = interpolation == Interpolation::bicubic;
  if (antialias && bytes) {
    return detail::resize_bytes(images, detail::whole_axis(height), detail::whole_axis(width),
                                interpolation);
  }
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
  detail::check_crop({images.size(2), images.size(3)}, {height, width});
  return images.narrow(2, detail::middle(images.size(2), height), height)
      .narrow(3, detail::middle(images.size(3), width), width);
}

FREEINIT_INLINE at::Tensor resize_and_crop(const at::Tensor& images, ImageSize resized,
                                           ImageSize crop, Interpolation interpolation,
                                           bool antialias) {
  detail::check_images(images);
  detail::check_crop(resized, crop);
  if (!antialias || images.scalar_type() != at::kByte) {
    return center_crop(
        resize_images(images, resized.height, resized.width, interpolation, antialias), crop.height,
        crop.width);
  }
  const auto middle = [](std::int64_t whole, std::int64_t part) {
    return detail::ResizedAxis{.size = whole, .first = detail::middle(whole, part), .count = part};
  };
  return detail::resize_bytes(images, middle(resized.height, crop.height),
                              middle(resized.width, crop.width), interpolation);
}

}  // namespace freeinit::inline FREEINIT_ABI
