#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {

/// The filter of a resize: a triangle, or Keys' cubic.
enum class Interpolation { bilinear, bicubic };

/// Resizes `images` [N,C,H,W] (uint8, or floating point as float32) on the CPU.
/// With `antialias` a smaller picture is averaged over the pixels it replaces, and uint8 equals
/// Pillow's `Image.resize` with the same filter to the bit (rounded after each axis); without it
/// the result is that of `torch.nn.functional.interpolate(align_corners=False)`, rounded for uint8.
/// Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API at::Tensor resize_images(const at::Tensor& images, std::int64_t height,
                                                    std::int64_t width, Interpolation interpolation,
                                                    bool antialias = true);

/// The middle [N,C,height,width] of `images`, offsets rounded half to even as torchvision's
/// `center_crop` does. Throws Error: invalid_argument when the images are smaller.
[[nodiscard]] FREEINIT_API at::Tensor center_crop(const at::Tensor& images, std::int64_t height,
                                                  std::int64_t width);

/// Height and width in pixels.
struct ImageSize {
  std::int64_t height = 0;  ///< pixels
  std::int64_t width = 0;   ///< pixels
};

/// `center_crop(resize_images(images, resized), crop)` to the bit. Of antialiased bytes nothing but
/// what is left in the end is computed: a 4000x1 picture that shall cover 512x512 would take
/// gigabytes. Throws Error: invalid_argument when `resized` is smaller than `crop`.
[[nodiscard]] FREEINIT_API at::Tensor resize_and_crop(const at::Tensor& images, ImageSize resized,
                                                      ImageSize crop, Interpolation interpolation,
                                                      bool antialias = true);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/tensors/resize_inl.hpp>
#endif
