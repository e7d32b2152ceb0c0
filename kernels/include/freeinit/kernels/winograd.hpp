#pragma once

/// Convolutions with fewer multiplications: Winograd's F(4, 3) along one axis or two (Lavin and
/// Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308), in float32, on
/// pointers and sizes alone. Results are within 2e-5 of the largest value of float64's, and the
/// same bits on every instruction set, with every number of threads.

#include <freeinit/kernels/parallel.hpp>

#include <cstdint>
#include <string_view>

namespace freeinit::kernels {

/// Images [images,in_channels,height,width] and kernels [out_channels,in_channels,3,3], padding 1:
/// a quarter of the multiplications.
struct ImageConvolution {
  std::int64_t images;        ///< frames of all videos
  std::int64_t in_channels;   ///< of the input
  std::int64_t out_channels;  ///< of the output
  std::int64_t height;        ///< rows of an image
  std::int64_t width;         ///< columns of an image
};

/// The same convolution of those images with each pixel twice along both axes, as upsampling by
/// nearest neighbours leaves them: [images,out_channels,2*height,2*width], the same bits. Reads the
/// images as they are, and has 25 products where the convolution has 36.
struct DoubledConvolution {
  std::int64_t images;        ///< frames of all videos
  std::int64_t in_channels;   ///< of the input
  std::int64_t out_channels;  ///< of the output
  std::int64_t height;        ///< rows of an image of the input
  std::int64_t width;         ///< columns of one
};

/// Videos [videos,in_channels,frames,pixels] and kernels [out_channels,in_channels,3] along the
/// frames, padding 1: half of the multiplications.
struct FrameConvolution {
  std::int64_t videos;        ///< of the batch
  std::int64_t in_channels;   ///< of the input
  std::int64_t out_channels;  ///< of the output
  std::int64_t frames;        ///< of a video
  std::int64_t pixels;        ///< of a frame
};

/// What a convolution reads and writes, contiguous.
struct Operands {
  const float* input = nullptr;                ///< images or videos, as above
  const float* weight = nullptr;               ///< the kernels, or null for
  const std::uint16_t* half_weight = nullptr;  ///< the bits of kernels in float16
  const float* bias = nullptr;                 ///< [out_channels], or null
  float* output = nullptr;                     ///< of that form, with `out_channels`
  float* workspace = nullptr;                  ///< `workspace_size` floats
};

/// The kernels for one instruction set.
struct InstructionSet;

/// The widest that this processor has, or null where there are no kernels. `capability` is what
/// LibTorch's `at::get_cpu_capability()` says, so that ATEN_CPU_CAPABILITY chooses for both: on
/// x86-64 "AVX512" allows all, "AVX2" that at most, anything else none; elsewhere it is not asked.
[[nodiscard]] const InstructionSet* instruction_set(std::string_view capability);

/// Floats of memory that a convolution needs, some tens of MiB for large ones.
[[nodiscard]] std::int64_t workspace_size(const ImageConvolution& convolution);
/// The same for doubled images.
[[nodiscard]] std::int64_t workspace_size(const DoubledConvolution& convolution);
/// The same for a convolution over frames.
[[nodiscard]] std::int64_t workspace_size(const FrameConvolution& convolution);

/// Computes it. All sizes are 1 at least. The workspace is best aligned to 64 bytes.
void convolve(const InstructionSet& kernels, const ImageConvolution& convolution,
              const Operands& operands, const Parallel& parallel);
/// The same for doubled images.
void convolve(const InstructionSet& kernels, const DoubledConvolution& convolution,
              const Operands& operands, const Parallel& parallel);
/// The same for a convolution over frames.
void convolve(const InstructionSet& kernels, const FrameConvolution& convolution,
              const Operands& operands, const Parallel& parallel);

}  // namespace freeinit::kernels
