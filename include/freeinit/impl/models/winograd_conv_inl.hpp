#pragma once

// 3x3 convolutions with a quarter of the multiplications: Winograd's F(4x4, 3x3) (Lavin and Gray,
// "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308). Tiles of 6x6 pixels and
// kernels are transformed, multiplied as 36 matrices, and transformed back to 4x4 pixels:
//
//     Y = A^T [ (G g G^T) * (B^T d B) ] A
//
// The sums are those of the definition in another order, so that results agree up to rounding.

#include <freeinit/core/config.hpp>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail::winograd {

inline constexpr std::int64_t kOut = 4;            ///< side of a tile of the result
inline constexpr std::int64_t kIn = 6;             ///< side of the tile of the input behind it
inline constexpr std::int64_t kKernel = 3;         ///< side of a kernel
inline constexpr std::int64_t kPlanes = kIn * kIn;  ///< products a tile
/// Below, transforming takes more than it saves: the layers that read latents and write them.
inline constexpr std::int64_t kFewestChannels = 32;
/// Of the transformed tiles and of the transformed kernels that are in memory at a time: large
/// enough for the matrix products, and small beside the activations of a network.
inline constexpr std::int64_t kBlockElements = 6 << 20;
/// Between the 36 matrices. Without it they are often a power of two apart, and share the few
/// places of a cache that such addresses have.
inline constexpr std::int64_t kSkew = 16;
inline constexpr std::int64_t kStrip = 64;  ///< elements transformed together, in the first cache

/// B^T d.
inline std::array<float, kIn> transform_input(float d0, float d1, float d2, float d3, float d4,
                                              float d5) {
  const float even = d4 - 4 * d2;
  const float odd = d3 - 4 * d1;
  const float far_even = d4 - d2;
  const float far_odd = 2 * (d3 - d1);
  return {4 * d0 - 5 * d2 + d4, even + odd,         even - odd,
          far_even + far_odd,   far_even - far_odd, 4 * d1 - 5 * d3 + d5};
}

/// G g.
inline std::array<float, kIn> transform_kernel(float g0, float g1, float g2) {
  const float outer = (g0 + g2) * (-1.0F / 6);
  const float middle = g1 * (1.0F / 6);
  const float far_outer = g0 * (1.0F / 24) + g2 * (1.0F / 6);
  const float far_middle = g1 * (1.0F / 12);
  return {g0 * (1.0F / 4),        outer - middle,         outer + middle,
          far_outer + far_middle, far_outer - far_middle, g2};
}

/// A^T m.
inline std::array<float, kOut> transform_output(float m0, float m1, float m2, float m3, float m4,
                                                float m5) {
  const float sum = m1 + m2;
  const float difference = m1 - m2;
  const float far_sum = m3 + m4;
  const float far_difference = m3 - m4;
  return {m0 + sum + far_sum, difference + 2 * far_difference, sum + 4 * far_sum,
          difference + 8 * far_difference + m5};
}

/// How an image is cut: tiles overlap by two pixels, the last ones reach beyond the edge.
struct Tiling {
  std::int64_t height;
  std::int64_t width;
  std::int64_t rows = (height + kOut - 1) / kOut;
  std::int64_t columns = (width + kOut - 1) / kOut;

  [[nodiscard]] std::int64_t tiles() const noexcept { return rows * columns; }
};

/// One channel of one image, with the zeros around it that its tiles reach.
class PaddedPlane {
 public:
  explicit PaddedPlane(const Tiling& tiling)
      : tiling_(tiling),
        stride_(tiling.columns * kOut + 2),
        pixels_(static_cast<std::size_t>((tiling.rows * kOut + 2) * stride_), 0.0F) {}

  void fill(const float* image) {
    for (std::int64_t y = 0; y < tiling_.height; ++y) {
      std::copy_n(image + y * tiling_.width, tiling_.width, pixels_.data() + (y + 1) * stride_ + 1);
    }
  }
  /// The first pixel of a tile.
  [[nodiscard]] const float* tile(std::int64_t row, std::int64_t column) const {
    return pixels_.data() + row * kOut * stride_ + column * kOut;
  }
  [[nodiscard]] std::int64_t stride() const noexcept { return stride_; }

 private:
  Tiling tiling_;
  std::int64_t stride_;
  std::vector<float> pixels_;
};

/// B^T d B of up to kStrip / kOut tiles side by side. `to`: their first element of the first plane,
/// planes `plane` elements apart.
FREEINIT_INLINE void transform_tiles(const float* __restrict from, std::int64_t stride,
                                     std::int64_t tiles, float* __restrict to,
                                     std::int64_t plane) {
  std::array<std::array<float, kStrip + 2>, kIn> down;
  for (std::int64_t x = 0; x < tiles * kOut + 2; ++x) {
    const auto column = transform_input(from[x], from[stride + x], from[2 * stride + x],
                                        from[3 * stride + x], from[4 * stride + x],
                                        from[5 * stride + x]);
    for (std::int64_t k = 0; k < kIn; ++k) down[k][x] = column[k];
  }
  for (std::int64_t k = 0; k < kIn; ++k) {
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const float* const d = down[k].data() + tile * kOut;
      const auto across = transform_input(d[0], d[1], d[2], d[3], d[4], d[5]);
      for (std::int64_t j = 0; j < kIn; ++j) to[(k * kIn + j) * plane + tile] = across[j];
    }
  }
}

/// G g G^T of the kernels [C,3,3] of one output channel; planes of `to` are `plane` elements apart.
FREEINIT_INLINE void transform_kernels(const float* __restrict from, std::int64_t channels,
                                       float* __restrict to, std::int64_t plane) {
  constexpr std::int64_t kTaps = kKernel * kKernel;
  std::array<std::array<float, kStrip>, kTaps> taps;
  std::array<std::array<float, kStrip>, kIn * kKernel> down;
  for (std::int64_t start = 0; start < channels; start += kStrip) {
    const std::int64_t count = std::min(kStrip, channels - start);
    for (std::int64_t c = 0; c < count; ++c) {
      for (std::int64_t tap = 0; tap < kTaps; ++tap) taps[tap][c] = from[(start + c) * kTaps + tap];
    }
    for (std::int64_t x = 0; x < kKernel; ++x) {
      for (std::int64_t c = 0; c < count; ++c) {
        const auto column =
            transform_kernel(taps[x][c], taps[kKernel + x][c], taps[2 * kKernel + x][c]);
        for (std::int64_t k = 0; k < kIn; ++k) down[k * kKernel + x][c] = column[k];
      }
    }
    for (std::int64_t k = 0; k < kIn; ++k) {
      for (std::int64_t c = 0; c < count; ++c) {
        const auto across = transform_kernel(down[k * kKernel][c], down[k * kKernel + 1][c],
                                             down[k * kKernel + 2][c]);
        for (std::int64_t j = 0; j < kIn; ++j) to[(k * kIn + j) * plane + start + c] = across[j];
      }
    }
  }
}

/// A^T m A + bias of `tiles` tiles, as 16 rows of kStrip: pixel (y, x) of each tile in row 4 y + x.
using TilePixels = std::array<std::array<float, kStrip>, kOut * kOut>;
FREEINIT_INLINE void transform_products(const float* __restrict from, std::int64_t plane,
                                        std::int64_t tiles, float bias, TilePixels& pixels) {
  std::array<std::array<float, kStrip>, kOut * kIn> down;
  for (std::int64_t x = 0; x < kIn; ++x) {
    const float* __restrict m = from + x * plane;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const auto column = transform_output(
          m[tile], m[kIn * plane + tile], m[2 * kIn * plane + tile], m[3 * kIn * plane + tile],
          m[4 * kIn * plane + tile], m[5 * kIn * plane + tile]);
      for (std::int64_t k = 0; k < kOut; ++k) down[k * kIn + x][tile] = column[k];
    }
  }
  for (std::int64_t y = 0; y < kOut; ++y) {
    const auto* const m = down.data() + y * kIn;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const auto across = transform_output(m[0][tile], m[1][tile], m[2][tile], m[3][tile],
                                           m[4][tile], m[5][tile]);
      for (std::int64_t x = 0; x < kOut; ++x) pixels[y * kOut + x][tile] = across[x] + bias;
    }
  }
}

/// Writes the part of up to kStrip tiles, from `first` on, that lies inside the image.
FREEINIT_INLINE void write_tiles(const TilePixels& pixels, const Tiling& tiling, std::int64_t first,
                                 std::int64_t tiles, float* image) {
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t top = (first + tile) / tiling.columns * kOut;
    const std::int64_t left = (first + tile) % tiling.columns * kOut;
    const std::int64_t rows = std::min(kOut, tiling.height - top);
    const std::int64_t columns = std::min(kOut, tiling.width - left);
    for (std::int64_t y = 0; y < rows; ++y) {
      float* const row = image + (top + y) * tiling.width + left;
      for (std::int64_t x = 0; x < columns; ++x) row[x] = pixels[y * kOut + x][tile];
    }
  }
}

/// 36 matrices [rows,columns] in one piece of memory, kSkew elements apart.
class Planes {
 public:
  Planes(std::int64_t rows, std::int64_t columns)
      : memory_(at::empty({kPlanes * (rows * columns + kSkew)}, at::kFloat)) {}

  [[nodiscard]] float* data() const { return memory_.mutable_data_ptr<float>(); }
  /// As matrices that may be smaller than those there is room for.
  [[nodiscard]] at::Tensor matrices(std::int64_t rows, std::int64_t columns) const {
    return memory_.as_strided({kPlanes, rows, columns}, {distance(rows, columns), columns, 1});
  }
  [[nodiscard]] static std::int64_t distance(std::int64_t rows, std::int64_t columns) noexcept {
    return rows * columns + kSkew;
  }

 private:
  at::Tensor memory_;
};

/// One convolution: images in groups, output channels in blocks, so that what is transformed at a
/// time stays small.
class Convolution {
 public:
  Convolution(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias)
      : input_(input.contiguous()),
        weight_(weight.contiguous()),
        bias_(bias.defined() ? bias.contiguous() : bias),
        tiling_{.height = input.size(2), .width = input.size(3)},
        images_(block_of(input.size(0), in_channels() * tiling_.tiles())),
        block_(block_of(weight.size(0), in_channels())),
        tiles_(in_channels(), images_ * tiling_.tiles()),
        kernels_(block_, in_channels()),
        products_(at::empty({kPlanes * block_ * images_ * tiling_.tiles()}, at::kFloat)),
        output_(at::empty({input.size(0), weight.size(0), input.size(2), input.size(3)},
                          input.options())) {}

  [[nodiscard]] at::Tensor run() {
    for (std::int64_t image = 0; image < input_.size(0); image += images_) {
      const std::int64_t images = std::min(images_, input_.size(0) - image);
      read_images(image, images);
      for (std::int64_t channel = 0; channel < weight_.size(0); channel += block_) {
        convolve(image, images, channel, std::min(block_, weight_.size(0) - channel));
      }
    }
    return output_;
  }

 private:
  [[nodiscard]] std::int64_t in_channels() const { return input_.size(1); }

  /// How many of `all` to take at a time, each of `elements` elements a plane.
  static std::int64_t block_of(std::int64_t all, std::int64_t elements) {
    return std::clamp<std::int64_t>(kBlockElements / (kPlanes * elements), 1, all);
  }

  void read_images(std::int64_t first, std::int64_t images) {
    const std::int64_t row = images * tiling_.tiles();
    const std::int64_t plane = Planes::distance(in_channels(), row);
    constexpr std::int64_t kTilesInStrip = kStrip / kOut;
    at::parallel_for(0, in_channels(), 1, [&](std::int64_t begin, std::int64_t end) {
      PaddedPlane padded(tiling_);
      for (std::int64_t channel = begin; channel < end; ++channel) {
        float* to = tiles_.data() + channel * row;
        for (std::int64_t image = first; image < first + images; ++image) {
          padded.fill(input_.const_data_ptr<float>() +
                      (image * in_channels() + channel) * tiling_.height * tiling_.width);
          for (std::int64_t y = 0; y < tiling_.rows; ++y) {
            for (std::int64_t x = 0; x < tiling_.columns; x += kTilesInStrip) {
              const std::int64_t count = std::min(kTilesInStrip, tiling_.columns - x);
              transform_tiles(padded.tile(y, x), padded.stride(), count, to, plane);
              to += count;
            }
          }
        }
      }
    });
  }

  void convolve(std::int64_t image, std::int64_t images, std::int64_t channel,
                std::int64_t channels) {
    at::parallel_for(0, channels, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) {
        transform_kernels(
            weight_.const_data_ptr<float>() + (channel + c) * in_channels() * kKernel * kKernel,
            in_channels(), kernels_.data() + c * in_channels(),
            Planes::distance(channels, in_channels()));
      }
    });
    const std::int64_t row = images * tiling_.tiles();
    at::Tensor products =
        products_.narrow(0, 0, kPlanes * channels * row).view({kPlanes, channels, row});
    at::bmm_out(products, kernels_.matrices(channels, in_channels()),
                tiles_.matrices(in_channels(), row));
    at::parallel_for(0, channels, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) {
        write_channel(image, images, channel + c, products.const_data_ptr<float>() + c * row,
                      channels * row);
      }
    });
  }

  void write_channel(std::int64_t first, std::int64_t images, std::int64_t channel,
                     const float* products, std::int64_t plane) {
    const float bias = bias_.defined() ? bias_.const_data_ptr<float>()[channel] : 0.0F;
    TilePixels pixels;
    for (std::int64_t image = first; image < first + images; ++image) {
      float* const to = output_.mutable_data_ptr<float>() +
                        (image * weight_.size(0) + channel) * tiling_.height * tiling_.width;
      for (std::int64_t tile = 0; tile < tiling_.tiles(); tile += kStrip) {
        const std::int64_t count = std::min(kStrip, tiling_.tiles() - tile);
        transform_products(products + tile, plane, count, bias, pixels);
        write_tiles(pixels, tiling_, tile, count, to);
      }
      products += tiling_.tiles();
    }
  }

  at::Tensor input_;
  at::Tensor weight_;
  at::Tensor bias_;
  Tiling tiling_;
  std::int64_t images_;  ///< transformed at a time
  std::int64_t block_;   ///< output channels whose kernels are transformed at a time
  Planes tiles_;
  Planes kernels_;
  at::Tensor products_;
  at::Tensor output_;
};

inline bool serves(const at::Tensor& input, const at::Tensor& weight) {
  return input.device().is_cpu() && input.scalar_type() == at::kFloat &&
         weight.scalar_type() == at::kFloat && input.dim() == 4 && weight.dim() == 4 &&
         input.size(1) == weight.size(1) && input.numel() > 0 && weight.size(2) == kKernel &&
         weight.size(3) == kKernel && weight.size(0) >= kFewestChannels &&
         weight.size(1) >= kFewestChannels;
}

}  // namespace detail::winograd

namespace detail {

/// conv2d with stride, padding, dilation and groups of 1: `input` [N,C,H,W], `weight` [K,C,h,w],
/// `bias` [K] or undefined, in float32. By Winograd's algorithm where the kernel is 3x3 and there
/// are channels enough for it to pay, else LibTorch's.
FREEINIT_INLINE at::Tensor winograd_conv2d(const at::Tensor& input, const at::Tensor& weight,
                                           const at::Tensor& bias) {
  if (!winograd::serves(input, weight)) return at::conv2d(input, weight, bias, 1, 1);
  return winograd::Convolution(input, weight, bias).run();
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
