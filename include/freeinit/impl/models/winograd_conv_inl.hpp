#pragma once

// 3x3 convolutions with a quarter of the multiplications: Winograd's F(4x4, 3x3) (Lavin and Gray,
// "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308). Tiles of 6x6 pixels and
// kernels are transformed, multiplied as 36 matrices, and transformed back to 4x4 pixels:
//
//     Y = A^T [ (G g G^T) * (B^T d B) ] A
//
// The sums are those of the definition in another order, so that results agree up to rounding.

#include <freeinit/models/winograd.hpp>

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

inline constexpr std::int64_t kOut = 4;             ///< side of a tile of the result
inline constexpr std::int64_t kIn = 6;              ///< side of the tile of the input behind it
inline constexpr std::int64_t kKernel = 3;          ///< side of a kernel
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

/// How the images of a batch are cut into tiles, which overlap by two pixels; the last ones of a
/// row and of a column reach beyond the edge. Tiles are counted image by image and row by row.
struct Tiling {
  std::int64_t height;
  std::int64_t width;
  std::int64_t rows = (height + kOut - 1) / kOut;  ///< of an image, in tiles
  std::int64_t columns = (width + kOut - 1) / kOut;

  [[nodiscard]] std::int64_t pixels() const noexcept { return height * width; }
};

/// B^T d B of the tiles of a channel, a row of tiles at a time.
class RowTransform {
 public:
  explicit RowTransform(const Tiling& tiling)
      : tiling_(tiling),
        padded_(tiling.columns * kOut + 2),
        down_(static_cast<std::size_t>(kIn * padded_), 0.0F),
        zeros_(static_cast<std::size_t>(tiling.width), 0.0F) {}

  /// `to`: the first tile of the row in the first plane, planes `plane` elements apart.
  void operator()(const float* image, std::int64_t row, float* __restrict to, std::int64_t plane) {
    transform_down(image, row);
    for (std::int64_t y = 0; y < kIn; ++y) {
      const float* __restrict d = down_.data() + y * padded_;
      for (std::int64_t tile = 0; tile < tiling_.columns; ++tile, d += kOut) {
        const auto across = transform_input(d[0], d[1], d[2], d[3], d[4], d[5]);
        for (std::int64_t x = 0; x < kIn; ++x) to[(y * kIn + x) * plane + tile] = across[x];
      }
    }
  }

 private:
  /// B^T d, with zeros around the image.
  void transform_down(const float* image, std::int64_t row) {
    std::array<const float*, kIn> d;
    for (std::int64_t y = 0; y < kIn; ++y) {
      const std::int64_t line = row * kOut - 1 + y;
      d[y] = line >= 0 && line < tiling_.height ? image + line * tiling_.width : zeros_.data();
    }
    float* __restrict to = down_.data() + 1;
    for (std::int64_t x = 0; x < tiling_.width; ++x) {
      const auto column = transform_input(d[0][x], d[1][x], d[2][x], d[3][x], d[4][x], d[5][x]);
      for (std::int64_t y = 0; y < kIn; ++y) to[y * padded_ + x] = column[y];
    }
  }

  Tiling tiling_;
  std::int64_t padded_;       ///< width of a row with its zeros
  std::vector<float> down_;   ///< B^T d of the row
  std::vector<float> zeros_;  ///< a line above or below the image
};

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

/// Values of up to kStrip tiles, so that these are transformed together.
template <std::int64_t kValues>
using Strip = std::array<std::array<float, kStrip>, kValues>;

/// A^T m A + bias of up to kStrip tiles: pixel (y, x) of each in row 4 y + x.
FREEINIT_INLINE void transform_products(const float* __restrict from, std::int64_t plane,
                                        std::int64_t tiles, float bias,
                                        Strip<kOut * kOut>& pixels) {
  Strip<kOut * kIn> down;
  for (std::int64_t x = 0; x < kIn; ++x) {
    const float* __restrict m = from + x * plane;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const auto column = transform_output(m[tile], m[kIn * plane + tile],
                                           m[2 * kIn * plane + tile], m[3 * kIn * plane + tile],
                                           m[4 * kIn * plane + tile], m[5 * kIn * plane + tile]);
      for (std::int64_t k = 0; k < kOut; ++k) down[k * kIn + x][tile] = column[k];
    }
  }
  for (std::int64_t y = 0; y < kOut; ++y) {
    const auto* const m = down.data() + y * kIn;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const auto across =
          transform_output(m[0][tile], m[1][tile], m[2][tile], m[3][tile], m[4][tile], m[5][tile]);
      for (std::int64_t x = 0; x < kOut; ++x) pixels[y * kOut + x][tile] = across[x] + bias;
    }
  }
}

/// Writes what lies inside the image of one tile.
inline void write_tile(const Strip<kOut * kOut>& pixels, std::int64_t tile, const Tiling& tiling,
                       std::int64_t row, std::int64_t column, float* image) {
  const std::int64_t rows = std::min(kOut, tiling.height - row * kOut);
  const std::int64_t columns = std::min(kOut, tiling.width - column * kOut);
  float* to = image + row * kOut * tiling.width + column * kOut;
  for (std::int64_t y = 0; y < rows; ++y, to += tiling.width) {
    const auto* const from = pixels.data() + y * kOut;
    if (columns == kOut) {  // without a loop over an unknown count
      for (std::int64_t x = 0; x < kOut; ++x) to[x] = from[x][tile];
    } else {
      for (std::int64_t x = 0; x < columns; ++x) to[x] = from[x][tile];
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

/// One convolution: rows of tiles in groups and output channels in blocks, so that what is
/// transformed at a time stays small.
class Convolution {
 public:
  Convolution(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias)
      : input_(input.contiguous()),
        weight_(weight.contiguous()),
        bias_(bias.defined() ? bias.contiguous() : bias),
        tiling_{.height = input.size(2), .width = input.size(3)},
        group_(block_of(input.size(0) * tiling_.rows, in_channels() * tiling_.columns)),
        block_(block_of(weight.size(0), in_channels())),
        tiles_(in_channels(), group_ * tiling_.columns),
        kernels_(block_, in_channels()),
        products_(at::empty({kPlanes * block_ * group_ * tiling_.columns}, at::kFloat)),
        output_(at::empty({input.size(0), weight.size(0), input.size(2), input.size(3)},
                          input.options())) {}

  [[nodiscard]] at::Tensor run() {
    const std::int64_t all = input_.size(0) * tiling_.rows;
    for (std::int64_t row = 0; row < all; row += group_) {
      const std::int64_t rows = std::min(group_, all - row);
      read_tiles(row, rows);
      for (std::int64_t channel = 0; channel < out_channels(); channel += block_) {
        convolve(row, rows, channel, std::min(block_, out_channels() - channel));
      }
    }
    return output_;
  }

 private:
  [[nodiscard]] std::int64_t in_channels() const { return input_.size(1); }
  [[nodiscard]] std::int64_t out_channels() const { return weight_.size(0); }

  /// How many of `all` to take at a time, each of `elements` elements a plane.
  static std::int64_t block_of(std::int64_t all, std::int64_t elements) {
    return std::clamp<std::int64_t>(kBlockElements / (kPlanes * elements), 1, all);
  }

  void read_tiles(std::int64_t first, std::int64_t rows) {
    const std::int64_t tiles = rows * tiling_.columns;
    const std::int64_t plane = Planes::distance(in_channels(), tiles);
    const float* const input = input_.const_data_ptr<float>();
    float* const to = tiles_.data();
    at::parallel_for(0, in_channels(), 1, [&](std::int64_t begin, std::int64_t end) {
      RowTransform transform(tiling_);
      for (std::int64_t channel = begin; channel < end; ++channel) {
        for (std::int64_t row = 0; row < rows; ++row) {
          const std::int64_t image = (first + row) / tiling_.rows;
          transform(input + (image * in_channels() + channel) * tiling_.pixels(),
                    (first + row) % tiling_.rows, to + channel * tiles + row * tiling_.columns,
                    plane);
        }
      }
    });
  }

  void convolve(std::int64_t row, std::int64_t rows, std::int64_t channel, std::int64_t channels) {
    at::parallel_for(0, channels, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) {
        transform_kernels(
            weight_.const_data_ptr<float>() + (channel + c) * in_channels() * kKernel * kKernel,
            in_channels(), kernels_.data() + c * in_channels(),
            Planes::distance(channels, in_channels()));
      }
    });
    const std::int64_t tiles = rows * tiling_.columns;
    at::Tensor products =
        products_.narrow(0, 0, kPlanes * channels * tiles).view({kPlanes, channels, tiles});
    at::bmm_out(products, kernels_.matrices(channels, in_channels()),
                tiles_.matrices(in_channels(), tiles));
    at::parallel_for(0, channels, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) {
        write_channel(row * tiling_.columns, tiles, channel + c,
                      products.const_data_ptr<float>() + c * tiles, channels * tiles);
      }
    });
  }

  void write_channel(std::int64_t first, std::int64_t tiles, std::int64_t channel,
                     const float* products, std::int64_t plane) {
    const float bias = bias_.defined() ? bias_.const_data_ptr<float>()[channel] : 0.0F;
    float* const output = output_.mutable_data_ptr<float>();
    Strip<kOut * kOut> pixels;
    std::int64_t row = first / tiling_.columns;
    std::int64_t column = 0;
    for (std::int64_t start = 0; start < tiles; start += kStrip) {
      const std::int64_t count = std::min(kStrip, tiles - start);
      transform_products(products + start, plane, count, bias, pixels);
      for (std::int64_t tile = 0; tile < count; ++tile) {
        const std::int64_t image = row / tiling_.rows;
        write_tile(pixels, tile, tiling_, row % tiling_.rows, column,
                   output + (image * out_channels() + channel) * tiling_.pixels());
        if (++column < tiling_.columns) continue;
        column = 0;
        ++row;
      }
    }
  }

  at::Tensor input_;
  at::Tensor weight_;
  at::Tensor bias_;
  Tiling tiling_;
  std::int64_t group_;  ///< rows of tiles that are transformed at a time
  std::int64_t block_;  ///< output channels whose kernels are
  Planes tiles_;
  Planes kernels_;
  at::Tensor products_;
  at::Tensor output_;
};

inline bool serves(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  const bool has_usual_bias =
      !bias.defined() || (bias.device().is_cpu() && bias.scalar_type() == at::kFloat &&
                          bias.dim() == 1 && bias.size(0) == weight.size(0));
  return has_usual_bias && weight.device().is_cpu() && input.device().is_cpu() &&
         input.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat &&
         input.dim() == 4 && weight.dim() == 4 && input.size(1) == weight.size(1) &&
         input.numel() > 0 && weight.size(2) == kKernel && weight.size(3) == kKernel &&
         weight.size(0) >= kFewestChannels && weight.size(1) >= kFewestChannels;
}

}  // namespace detail::winograd

FREEINIT_INLINE at::Tensor winograd_conv2d(const at::Tensor& input, const at::Tensor& weight,
                                           const at::Tensor& bias) {
  if (!detail::winograd::serves(input, weight, bias)) return at::conv2d(input, weight, bias, 1, 1);
  return detail::winograd::Convolution(input, weight, bias).run();
}

}  // namespace freeinit::inline FREEINIT_ABI
