#pragma once

// Convolutions with fewer multiplications: Winograd's F(4, 3) along one axis or two (Lavin and
// Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308). Tiles of six values
// along each axis and kernels of three are transformed, multiplied as one matrix a place of the
// tile, and transformed back to four values:
//
//     y = A^T [ (G g) * (B^T d) ]            Y = A^T [ (G g G^T) * (B^T d B) ] A
//
// The sums are those of the definition in another order, so that results agree up to rounding.

#include <freeinit/core/config.hpp>
#include <freeinit/impl/models/winograd_dispatch_inl.hpp>

#include <ATen/TensorIterator.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail::winograd {

/// Below, transforming takes more than it saves: the layers that read latents and write them.
inline constexpr std::int64_t kFewestChannels = 32;
/// Most elements of transformed tiles that are in memory at a time, 12 MiB: they stay there between
/// calls. With four times as many, kernels are transformed less often, a few hundredths of a call.
inline constexpr std::int64_t kTileElements = 3 << 20;
/// Most elements of products, that most of them are still in the cache when they are transformed
/// back.
inline constexpr std::int64_t kProductElements = 1 << 20;
/// Output channels at a time: enough that tiles are fetched for many of them.
inline constexpr std::int64_t kBlock = 48;
/// Between the planes and between the rows of kernels. Without it they are often a power of two
/// apart, and share the few places of a cache that such addresses have.
inline constexpr std::int64_t kSkew = 16;

/// `elements` floats that the convolutions of this thread share: a network asks for them in its
/// first call, and they stay until the thread ends.
inline float* shared_memory(std::int64_t elements) {
  thread_local at::Tensor memory;
  if (!memory.defined() || memory.numel() < elements) {
    memory.reset();  // before there are two
    memory = at::empty({elements}, at::kFloat);
  }
  return memory.mutable_data_ptr<float>();
}

/// body(begin, end) for parts of 0..count on LibTorch's threads. LibTorch's at::parallel_for would
/// run on one thread here, as it is a header that wants to be compiled for OpenMP; its iterator is
/// not. What that goes through are `count` bytes of `memory`, which nobody reads.
template <class Body>
void in_parallel(std::int64_t count, float* memory, const Body& body) {
  const at::Tensor places = at::from_blob(memory, {count}, at::kByte);
  const char* const first = reinterpret_cast<const char*>(memory);
  auto iterator = at::TensorIteratorConfig()
                      .add_output(places)
                      .resize_outputs(false)
                      .check_all_same_dtype(false)
                      .build();
  iterator.for_each(
      [&](char** data, const std::int64_t* /*strides*/, std::int64_t size, std::int64_t /*one*/) {
        const std::int64_t begin = data[0] - first;
        body(begin, begin + size);
      },
      1);
}

/// One convolution: strips of tiles in groups and output channels in blocks, so that what is
/// transformed at a time stays small.
template <class Tiling>
class Convolution {
 public:
  Convolution(const Routines<Tiling>& routines, const at::Tensor& input, const at::Tensor& weight,
              const at::Tensor& bias)
      : routines_(routines),
        tiling_(input.sizes()),
        input_(input.contiguous()),
        weight_(weight.contiguous()),
        bias_(bias.defined() ? bias.contiguous() : bias),
        output_(at::empty(output_sizes(input, weight), input.options())),
        block_(std::min(kBlock, out_channels())),
        group_(std::clamp<std::int64_t>(
            std::min(kTileElements / in_channels(), kProductElements / block_) /
                (Tiling::kPlanes * kStrip),
            1, tiling_.strips())),
        kernel_row_((in_channels() + kStrip - 1) / kStrip * kStrip + kSkew),
        tile_plane_(group_ * in_channels() * kStrip + kSkew),
        kernel_plane_(block_ * kernel_row_ + kSkew),
        product_plane_(block_ * group_ * kStrip + kSkew),
        tiles_(shared_memory(Tiling::kPlanes * (tile_plane_ + kernel_plane_ + product_plane_) +
                             block_ * in_channels() * Tiling::kTaps)),
        kernels_(tiles_ + Tiling::kPlanes * tile_plane_),
        products_(kernels_ + Tiling::kPlanes * kernel_plane_),
        widened_(products_ + Tiling::kPlanes * product_plane_) {}

  [[nodiscard]] at::Tensor run() {
    for (std::int64_t strip = 0; strip < tiling_.strips(); strip += group_) {
      const std::int64_t strips = std::min(group_, tiling_.strips() - strip);
      read_tiles(strip, strips);
      for (std::int64_t channel = 0; channel < out_channels(); channel += block_) {
        const std::int64_t channels = std::min(block_, out_channels() - channel);
        transform_kernels(channel, channels);
        multiply(strips, channels);
        write(strip, strips, channel, channels);
      }
    }
    return output_;
  }

 private:
  static std::vector<std::int64_t> output_sizes(const at::Tensor& input, const at::Tensor& weight) {
    auto sizes = input.sizes().vec();
    sizes[1] = weight.size(0);
    return sizes;
  }
  [[nodiscard]] std::int64_t in_channels() const { return input_.size(1); }
  [[nodiscard]] std::int64_t out_channels() const { return weight_.size(0); }
  /// Elements of a channel of an image or a video.
  [[nodiscard]] std::int64_t channel_size() const { return input_.stride(1); }

  void read_tiles(std::int64_t first, std::int64_t strips) {
    const float* const input = input_.template const_data_ptr<float>();
    in_parallel(strips * in_channels(), tiles_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        routines_.read(tiling_, input + i % in_channels() * channel_size(),
                       in_channels() * channel_size(), first + i / in_channels(),
                       tiles_ + i * kStrip, tile_plane_);
      }
    });
  }

  /// The kernels of a block in float32.
  [[nodiscard]] const float* kernels_of(std::int64_t first, std::int64_t channels) {
    const at::Tensor block = weight_.narrow(0, first, channels);
    if (block.scalar_type() == at::kFloat) return block.const_data_ptr<float>();
    at::from_blob(widened_, block.sizes(), at::kFloat).copy_(block);
    return widened_;
  }

  void transform_kernels(std::int64_t first, std::int64_t channels) {
    const float* const kernels = kernels_of(first, channels);
    in_parallel(channels, tiles_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) {
        routines_.transform_kernels(kernels + k * in_channels() * Tiling::kTaps, in_channels(),
                                    kernels_ + k * kernel_row_, kernel_plane_);
      }
    });
  }

  void multiply(std::int64_t strips, std::int64_t channels) {
    in_parallel(Tiling::kPlanes * strips, tiles_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t plane = i / strips;
        const std::int64_t strip = i % strips;
        routines_.multiply(kernels_ + plane * kernel_plane_, kernel_row_, channels,
                           tiles_ + plane * tile_plane_ + strip * in_channels() * kStrip,
                           in_channels(), products_ + plane * product_plane_ + strip * kStrip,
                           group_ * kStrip);
      }
    });
  }

  void write(std::int64_t first, std::int64_t strips, std::int64_t channel, std::int64_t channels) {
    const float* const bias = bias_.defined() ? bias_.template const_data_ptr<float>() : nullptr;
    float* const output = output_.template mutable_data_ptr<float>();
    in_parallel(channels, tiles_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) {
        for (std::int64_t strip = 0; strip < strips; ++strip) {
          routines_.write(tiling_, products_ + (k * group_ + strip) * kStrip, product_plane_,
                          first + strip, bias == nullptr ? 0.0F : bias[channel + k],
                          output + (channel + k) * channel_size(), out_channels() * channel_size());
        }
      }
    });
  }

  const Routines<Tiling>& routines_;
  Tiling tiling_;
  at::Tensor input_;
  at::Tensor weight_;
  at::Tensor bias_;
  at::Tensor output_;
  std::int64_t block_;          ///< output channels whose kernels are transformed at a time
  std::int64_t group_;          ///< strips whose tiles are
  std::int64_t kernel_row_;     ///< elements from one output channel's kernels to the next
  std::int64_t tile_plane_;     ///< elements from plane to plane: [strip][channel][kStrip]
  std::int64_t kernel_plane_;   ///< [channel][kernel_row_]
  std::int64_t product_plane_;  ///< [channel][strip][kStrip]
  float* tiles_;                ///< the three in shared memory
  float* kernels_;
  float* products_;
  float* widened_;  ///< kernels of a block
};

/// Whether tensors are such as Convolution reads: `dims` of them, on a CPU, in float32 but for the
/// kernels, which may be float16.
inline bool serves(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                   std::int64_t dims, at::IntArrayRef taps) {
  const bool has_usual_bias =
      !bias.defined() || (bias.device().is_cpu() && bias.scalar_type() == at::kFloat &&
                          bias.dim() == 1 && bias.size(0) == weight.size(0));
  return has_usual_bias && weight.device().is_cpu() && input.device().is_cpu() &&
         input.scalar_type() == at::kFloat &&
         (weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kHalf) &&
         input.dim() == dims && weight.dim() == dims && input.size(1) == weight.size(1) &&
         input.numel() > 0 && weight.sizes().slice(2) == taps &&
         weight.size(0) >= kFewestChannels && weight.size(1) >= kFewestChannels;
}

}  // namespace detail::winograd

inline at::Tensor winograd_conv2d(const at::Tensor& input, const at::Tensor& weight,
                                  const at::Tensor& bias) {
  using namespace detail::winograd;
  const auto* const kernels = routines<ImageTiling>();
  if (kernels != nullptr && serves(input, weight, bias, 4, {kKernel, kKernel}))
    return Convolution<ImageTiling>(*kernels, input, weight, bias).run();
  return at::conv2d(input, weight.to(input.scalar_type()), bias, 1, 1);
}

inline at::Tensor winograd_temporal_conv(const at::Tensor& input, const at::Tensor& weight,
                                         const at::Tensor& bias) {
  using namespace detail::winograd;
  const auto* const kernels = routines<FrameTiling>();
  if (kernels != nullptr && serves(input, weight, bias, 5, {kKernel, 1, 1}))
    return Convolution<FrameTiling>(*kernels, input, weight, bias).run();
  return at::conv3d(input, weight.to(input.scalar_type()), bias, 1, at::IntArrayRef{1, 0, 0});
}

}  // namespace freeinit::inline FREEINIT_ABI
