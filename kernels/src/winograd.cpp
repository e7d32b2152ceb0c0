// The order of the work. Tiles of six values along each axis and kernels of three are transformed,
// multiplied as one matrix a place of the tile, and transformed back to four values:
//
//     y = A^T [ (G g) * (B^T d) ]            Y = A^T [ (G g G^T) * (B^T d B) ] A
//
// The sums are those of the definition in another order, so that results agree up to rounding.

#include <freeinit/kernels/winograd.hpp>

#include <algorithm>
#include <cstdint>

#include "winograd_tiling.hpp"

namespace freeinit::kernels {
namespace {

/// Most elements of transformed tiles that are in memory at a time, 48 MiB: callers keep them
/// between calls. With a quarter of them, kernels of 1280 channels are transformed so often that a
/// call takes a sixth longer.
constexpr std::int64_t kTileElements = 12 << 20;
/// Most elements of products, that most of them are still in the cache when they are transformed
/// back. It bounds the tiles of all but the widest convolutions.
constexpr std::int64_t kProductElements = 1 << 19;
/// Output channels at a time: enough that tiles are fetched for many of them.
constexpr std::int64_t kBlock = 48;
/// Between the planes and between the rows of kernels. Without it they are often a power of two
/// apart, and share the few places of a cache that such addresses have.
constexpr std::int64_t kSkew = 16;

/// Where things lie in the workspace, in elements, and how many are there at a time.
template <class Tiling>
struct Layout {
  Layout(const Tiling& tiling, std::int64_t in_channels, std::int64_t out_channels)
      : block(std::min(kBlock, out_channels)),
        group(std::clamp<std::int64_t>(
            std::min(kTileElements / in_channels, kProductElements / block) /
                (Tiling::kPlanes * kStrip),
            1, tiling.strips())),
        kernel_row((in_channels + kStrip - 1) / kStrip * kStrip + kSkew),
        tile_plane(group * in_channels * kStrip + kSkew),
        kernel_plane(block * kernel_row + kSkew),
        product_plane(block * group * kStrip + kSkew),
        kernels(Tiling::kPlanes * tile_plane),
        products(kernels + Tiling::kPlanes * kernel_plane),
        widened(products + Tiling::kPlanes * product_plane),
        size(widened + block * in_channels * Tiling::kTaps) {}

  std::int64_t block;          ///< output channels whose kernels are transformed at a time
  std::int64_t group;          ///< strips whose tiles are
  std::int64_t kernel_row;     ///< from one output channel's kernels to the next
  std::int64_t tile_plane;     ///< from plane to plane: [strip][channel][kStrip]
  std::int64_t kernel_plane;   ///< [channel][kernel_row]
  std::int64_t product_plane;  ///< [channel][strip][kStrip]
  std::int64_t kernels;        ///< where they begin, behind the tiles
  std::int64_t products;
  std::int64_t widened;  ///< kernels of a block
  std::int64_t size;
};

/// One convolution: strips of tiles in groups and output channels in blocks, so that what is
/// transformed at a time stays small.
template <class Tiling>
class Convolution {
 public:
  Convolution(const InstructionSet& set, const Routines<Tiling>& routines, const Tiling& tiling,
              std::int64_t in_channels, std::int64_t out_channels, const Operands& operands,
              const Parallel& parallel)
      : set_(set),
        routines_(routines),
        tiling_(tiling),
        in_channels_(in_channels),
        out_channels_(out_channels),
        operands_(operands),
        parallel_(parallel),
        layout_(tiling, in_channels, out_channels),
        tiles_(operands.workspace),
        kernels_(tiles_ + layout_.kernels),
        products_(tiles_ + layout_.products),
        widened_(tiles_ + layout_.widened) {}

  void run() const {
    for (std::int64_t strip = 0; strip < tiling_.strips(); strip += layout_.group) {
      const std::int64_t strips = std::min(layout_.group, tiling_.strips() - strip);
      read_tiles(strip, strips);
      for (std::int64_t channel = 0; channel < out_channels_; channel += layout_.block) {
        const std::int64_t channels = std::min(layout_.block, out_channels_ - channel);
        transform_kernels(channel, channels);
        multiply(strips, channels);
        write(strip, strips, channel, channels);
      }
    }
  }

 private:
  /// one(i) for 0..count, in parallel.
  template <class One>
  void for_each(std::int64_t count, const One& one) const {
    parallel_(count, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) one(i);
    });
  }

  void read_tiles(std::int64_t first, std::int64_t strips) const {
    for_each(strips * in_channels_, [&](std::int64_t i) {
      routines_.read(tiling_, operands_.input + i % in_channels_ * tiling_.input_size(),
                     in_channels_ * tiling_.input_size(), first + i / in_channels_,
                     tiles_ + i * kStrip, layout_.tile_plane);
    });
  }

  /// The kernels of output channel `first + k` in float32.
  [[nodiscard]] const float* kernels_of(std::int64_t first, std::int64_t k) const {
    const std::int64_t size = in_channels_ * Tiling::kTaps;
    if (operands_.weight != nullptr) return operands_.weight + (first + k) * size;
    set_.widen(operands_.half_weight + (first + k) * size, size, widened_ + k * size);
    return widened_ + k * size;
  }

  void transform_kernels(std::int64_t first, std::int64_t channels) const {
    for_each(channels, [&](std::int64_t k) {
      routines_.transform_kernels(kernels_of(first, k), in_channels_,
                                  kernels_ + k * layout_.kernel_row, layout_.kernel_plane);
    });
  }

  void multiply(std::int64_t strips, std::int64_t channels) const {
    for_each(Tiling::kPlanes * strips, [&](std::int64_t i) {
      const std::int64_t plane = i / strips;
      const std::int64_t strip = i % strips;
      set_.multiply(kernels_ + plane * layout_.kernel_plane, layout_.kernel_row, channels,
                    tiles_ + plane * layout_.tile_plane + strip * in_channels_ * kStrip,
                    in_channels_, products_ + plane * layout_.product_plane + strip * kStrip,
                    layout_.group * kStrip);
    });
  }

  void write(std::int64_t first, std::int64_t strips, std::int64_t channel,
             std::int64_t channels) const {
    for_each(channels, [&](std::int64_t k) {
      const float bias = operands_.bias == nullptr ? 0.0F : operands_.bias[channel + k];
      for (std::int64_t strip = 0; strip < strips; ++strip) {
        routines_.write(tiling_, products_ + (k * layout_.group + strip) * kStrip,
                        layout_.product_plane, first + strip, bias,
                        operands_.output + (channel + k) * tiling_.output_size(),
                        out_channels_ * tiling_.output_size());
      }
    });
  }

  const InstructionSet& set_;
  const Routines<Tiling>& routines_;
  Tiling tiling_;
  std::int64_t in_channels_;
  std::int64_t out_channels_;
  const Operands& operands_;
  const Parallel& parallel_;
  Layout<Tiling> layout_;
  float* tiles_;  ///< the four in the workspace
  float* kernels_;
  float* products_;
  float* widened_;
};

}  // namespace

std::int64_t workspace_size(const ImageConvolution& convolution) {
  return Layout(ImageTiling(convolution), convolution.in_channels, convolution.out_channels).size;
}

std::int64_t workspace_size(const DoubledConvolution& convolution) {
  return Layout(DoubledTiling(convolution), convolution.in_channels, convolution.out_channels).size;
}

std::int64_t workspace_size(const FrameConvolution& convolution) {
  return Layout(FrameTiling(convolution), convolution.in_channels, convolution.out_channels).size;
}

void convolve(const InstructionSet& kernels, const ImageConvolution& convolution,
              const Operands& operands, const Parallel& parallel) {
  Convolution(kernels, kernels.images, ImageTiling(convolution), convolution.in_channels,
              convolution.out_channels, operands, parallel)
      .run();
}

void convolve(const InstructionSet& kernels, const DoubledConvolution& convolution,
              const Operands& operands, const Parallel& parallel) {
  Convolution(kernels, kernels.doubled, DoubledTiling(convolution), convolution.in_channels,
              convolution.out_channels, operands, parallel)
      .run();
}

void convolve(const InstructionSet& kernels, const FrameConvolution& convolution,
              const Operands& operands, const Parallel& parallel) {
  Convolution(kernels, kernels.frames, FrameTiling(convolution), convolution.in_channels,
              convolution.out_channels, operands, parallel)
      .run();
}

}  // namespace freeinit::kernels
