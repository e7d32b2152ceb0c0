// The order of the work. Tiles of six values along each axis and kernels of three are transformed,
// multiplied as one matrix a place of the tile, and transformed back to four values:
//
//     y = A^T [ (G g) * (B^T d) ]            Y = A^T [ (G g G^T) * (B^T d B) ] A
//
// The sums are those of the definition in another order, so that results agree up to rounding.

#include <freeinit/kernels/winograd.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

#include "winograd_tiling.hpp"

namespace freeinit::kernels {
namespace {

/// Most elements of transformed kernels, 11.5 MiB: where those of all output channels are no more,
/// they are transformed once and kept. Beyond that they come from memory with each group of tiles,
/// which takes longer than to transform them again.
constexpr std::int64_t kKernelElements = 23 << 17;
/// Elements of tiles and products beside kept kernels: few, as there is little to do anew for each
/// group, and the caches hold them.
constexpr std::int64_t kFewElements = 5 << 18;
/// Output channels beside kept kernels at a time.
constexpr std::int64_t kKeptBlock = 384;
/// Most elements of tiles where kernels are transformed for each group of them, 48 MiB: callers
/// keep them between calls. With a quarter of them, wide kernels are transformed so often that a
/// call takes longer.
constexpr std::int64_t kTileElements = 12 << 20;
/// Most elements of products where kernels are not kept. It bounds the tiles of all but the widest
/// convolutions: with more, less of them is in the cache.
constexpr std::int64_t kProductElements = 11 << 16;
/// Output channels at a time where kernels are not kept: enough that tiles are fetched for many of
/// them, and fewer where their kernels are more than kKernelElements.
constexpr std::int64_t kBlock = 72;
constexpr std::int64_t kLeastBlock = 48;
/// Between planes. Without it they are often a power of two apart, and share the few places of a
/// cache that such addresses have.
constexpr std::int64_t kSkew = 16;
/// Input channels whose kernels are transformed, and output channels that are multiplied, as one
/// piece of the work: there is some for many threads.
constexpr std::int64_t kTransformed = 64;
constexpr std::int64_t kMultiplied = 96;
static_assert(kKeptBlock % kMostRows == 0 && kMultiplied % kMostRows == 0);

/// Where things lie in the workspace, in elements, and how many are there at a time.
template <class Tiling>
struct Layout {
  Layout(const Tiling& tiling, std::int64_t in_channels, std::int64_t out_channels)
      : keeps(out_channels <= fitting(in_channels)),
        block(std::min(
            out_channels,
            keeps ? kKeptBlock
                  : std::clamp(fitting(in_channels) / kMostRows * kMostRows, kLeastBlock, kBlock))),
        group(std::clamp<std::int64_t>(
            (keeps ? kFewElements / (in_channels + block)
                   : std::min(kTileElements / in_channels, kProductElements / block)) /
                (Tiling::kPlanes * kStrip),
            1, tiling.strips())),
        tile_plane(group * in_channels * kStrip + kSkew),
        kernel_plane(((keeps ? out_channels : block) + kMostRows - 1) / kMostRows * kMostRows *
                         in_channels +
                     kSkew),
        product_plane(block * group * kStrip + kSkew),
        kernels(Tiling::kPlanes * tile_plane),
        products(kernels + Tiling::kPlanes * kernel_plane),
        size(products + Tiling::kPlanes * product_plane) {}

  /// Output channels whose kernels are kKernelElements.
  static std::int64_t fitting(std::int64_t in_channels) {
    return kKernelElements / (Tiling::kPlanes * in_channels);
  }

  bool keeps;                  ///< the kernels of all output channels
  std::int64_t block;          ///< output channels at a time
  std::int64_t group;          ///< strips whose tiles are there
  std::int64_t tile_plane;     ///< from plane to plane: [strip][panel][channel][kPanel]
  std::int64_t kernel_plane;   ///< [output channels / rows][channel][rows]
  std::int64_t product_plane;  ///< [channel][strip][kStrip]
  std::int64_t kernels;        ///< where they begin, behind the tiles
  std::int64_t products;
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
        products_(tiles_ + layout_.products) {}

  void run() const {
    if (layout_.keeps) transform_kernels(0, out_channels_);
    for (std::int64_t strip = 0; strip < tiling_.strips(); strip += layout_.group) {
      const std::int64_t strips = std::min(layout_.group, tiling_.strips() - strip);
      read_tiles(strip, strips);
      for (std::int64_t channel = 0; channel < out_channels_; channel += layout_.block) {
        const std::int64_t channels = std::min(layout_.block, out_channels_ - channel);
        if (!layout_.keeps) transform_kernels(channel, channels);
        multiply(strips, layout_.keeps ? channel : 0, channels);
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
      const std::int64_t strip = i / in_channels_;
      const std::int64_t channel = i % in_channels_;
      routines_.read(tiling_, operands_.input + channel * tiling_.input_size(),
                     in_channels_ * tiling_.input_size(), first + strip,
                     {tiles_ + strip * in_channels_ * kStrip + channel * kPanel, layout_.tile_plane,
                      in_channels_ * kPanel});
    });
  }

  void transform_kernels(std::int64_t first, std::int64_t channels) const {
    const std::int64_t row = in_channels_ * Tiling::kTaps;
    const std::int64_t parts = (in_channels_ + kTransformed - 1) / kTransformed;
    for_each((channels + set_.rows - 1) / set_.rows * parts, [&](std::int64_t i) {
      const std::int64_t k = i / parts * set_.rows;
      const std::int64_t channel = i % parts * kTransformed;
      const std::int64_t begin = (first + k) * row + channel * Tiling::kTaps;
      Kernels kernels{.row = row,
                      .count = std::min(set_.rows, channels - k),
                      .channels = std::min(kTransformed, in_channels_ - channel)};
      std::array<float, kMostRows * kTransformed * Tiling::kTaps> widened;
      if (operands_.weight != nullptr) {
        kernels.first = operands_.weight + begin;
      } else {
        kernels.first = widened.data();
        kernels.row = kernels.channels * Tiling::kTaps;
        for (std::int64_t j = 0; j < kernels.count; ++j) {
          set_.widen(operands_.half_weight + begin + j * row, kernels.row,
                     widened.data() + j * kernels.row);
        }
      }
      routines_.transform_kernels(kernels, kernels_ + k * in_channels_ + channel * set_.rows,
                                  layout_.kernel_plane);
    });
  }

  /// `channels` output channels, those from `channel` on of the kernels that are there.
  void multiply(std::int64_t strips, std::int64_t channel, std::int64_t channels) const {
    const std::int64_t parts = (channels + kMultiplied - 1) / kMultiplied;
    for_each(Tiling::kPlanes * parts * strips, [&](std::int64_t i) {
      const std::int64_t strip = i % strips;
      const std::int64_t k = i / strips % parts * kMultiplied;
      const std::int64_t plane = i / strips / parts;
      set_.multiply(
          kernels_ + plane * layout_.kernel_plane + (channel + k) * in_channels_,
          std::min(kMultiplied, channels - k),
          tiles_ + plane * layout_.tile_plane + strip * in_channels_ * kStrip, in_channels_,
          products_ + plane * layout_.product_plane + (k * layout_.group + strip) * kStrip,
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
  float* tiles_;  ///< the three in the workspace
  float* kernels_;
  float* products_;
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
