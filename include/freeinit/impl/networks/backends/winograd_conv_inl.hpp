#pragma once

// Convolutions of tensors by the kernels of kernels/, where those serve, else as LibTorch has them.

#include <freeinit/impl/networks/backends/in_parallel_inl.hpp>
#include <freeinit/kernels/winograd.hpp>

#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/upsample_nearest2d.h>

#include <array>
#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Below, transforming takes more than it saves: the layers that read latents and write them.
inline constexpr std::int64_t kFewestWinogradChannels = 32;

/// The kernels for what LibTorch takes this processor for (ATEN_CPU_CAPABILITY chooses for both),
/// or null where there are none.
inline const kernels::InstructionSet* winograd_kernels() {
  static const kernels::InstructionSet* const set =
      kernels::instruction_set(at::get_cpu_capability());
  return set;
}

/// `elements` floats that the convolutions of this thread share: a network asks for them in its
/// first call, and they stay until the thread ends.
inline float* winograd_workspace(std::int64_t elements) {
  thread_local at::Tensor memory;
  if (!memory.defined() || memory.numel() < elements) {
    memory.reset();  // before there are two
    memory = at::empty({elements}, at::kFloat);
  }
  return memory.mutable_data_ptr<float>();
}

/// Whether tensors are such as the kernels read: `dims` of them, on a CPU, in float32 but for the
/// weight, which may be float16; channels enough for it to pay.
inline bool winograd_serves(const at::Tensor& input, const at::Tensor& weight,
                            const at::Tensor& bias, std::int64_t dims, at::IntArrayRef taps) {
  const bool has_usual_bias =
      !bias.defined() || (bias.device().is_cpu() && bias.scalar_type() == at::kFloat &&
                          bias.dim() == 1 && bias.size(0) == weight.size(0));
  return winograd_kernels() != nullptr && has_usual_bias && weight.device().is_cpu() &&
         input.device().is_cpu() && input.scalar_type() == at::kFloat &&
         (weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kHalf) &&
         input.dim() == dims && weight.dim() == dims && input.size(1) == weight.size(1) &&
         input.numel() > 0 && weight.sizes().slice(2) == taps &&
         weight.size(0) >= kFewestWinogradChannels && weight.size(1) >= kFewestWinogradChannels;
}

/// To `sizes`.
template <class Shape>
at::Tensor winograd_convolve(const Shape& shape, at::IntArrayRef sizes,
                             const at::Tensor& given_input, const at::Tensor& given_weight,
                             const at::Tensor& given_bias) {
  const at::Tensor input = given_input.contiguous();
  const at::Tensor weight = given_weight.contiguous();
  const at::Tensor bias = given_bias.defined() ? given_bias.contiguous() : given_bias;
  const at::Tensor output = at::empty(sizes, input.options());
  kernels::Operands operands{.input = input.const_data_ptr<float>(),
                             .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                             .output = output.mutable_data_ptr<float>(),
                             .workspace = winograd_workspace(kernels::workspace_size(shape))};
  if (weight.scalar_type() == at::kHalf) {
    operands.half_weight =
        reinterpret_cast<const std::uint16_t*>(weight.const_data_ptr<at::Half>());
  } else {
    operands.weight = weight.const_data_ptr<float>();
  }
  kernels::convolve(*winograd_kernels(), shape, operands,
                    [&](std::int64_t count, const kernels::Part& body) {
                      in_parallel(count, operands.workspace, body);
                    });
  return output;
}

/// The 2-D convolution of `input` [N,C,H,W] with `weight` [K,C,3,3] and `bias` [K] or undefined, at
/// stride, padding, dilation and groups of 1: [N,K,H,W], without autograd. `weight` may be float16
/// and is then widened. Some tens of MiB for the transforms are kept for the next call until the
/// thread ends. What the kernels do not serve, other taps too, is LibTorch's conv2d with padding 1.
/// Throws c10::Error as that does.
inline at::Tensor winograd_conv2d(const at::Tensor& input, const at::Tensor& weight,
                                  const at::Tensor& bias) {
  if (!winograd_serves(input, weight, bias, 4, {3, 3}))
    return at::conv2d(input, weight.to(input.scalar_type()), bias, 1, 1);
  const kernels::ImageConvolution shape{.images = input.size(0),
                                        .in_channels = input.size(1),
                                        .out_channels = weight.size(0),
                                        .height = input.size(2),
                                        .width = input.size(3)};
  const std::array sizes{shape.images, shape.out_channels, shape.height, shape.width};
  return winograd_convolve(shape, sizes, input, weight, bias);
}

/// `winograd_conv2d` of `input` [N,C,H,W] resized by nearest neighbours to `size` [2], twice its
/// own if that is not there: the same bits. Where it is twice its own, no resized tensor is made.
inline at::Tensor winograd_upsampled_conv2d(const at::Tensor& input, at::OptionalIntArrayRef size,
                                            const at::Tensor& weight, const at::Tensor& bias) {
  const bool doubles =
      !size || (input.dim() == 4 && size->equals({2 * input.size(2), 2 * input.size(3)}));
  if (!doubles) return winograd_conv2d(at::upsample_nearest2d(input, size, {}), weight, bias);
  if (!winograd_serves(input, weight, bias, 4, {3, 3})) {
    constexpr std::array kTwice{2.0, 2.0};
    return winograd_conv2d(at::upsample_nearest2d(input, {}, kTwice), weight, bias);
  }
  const kernels::DoubledConvolution shape{.images = input.size(0),
                                          .in_channels = input.size(1),
                                          .out_channels = weight.size(0),
                                          .height = input.size(2),
                                          .width = input.size(3)};
  const std::array sizes{shape.images, shape.out_channels, 2 * shape.height, 2 * shape.width};
  return winograd_convolve(shape, sizes, input, weight, bias);
}

/// As `winograd_conv2d`, along the frames of `input` [N,C,F,H,W], with `weight` [K,C,3,1,1]:
/// [N,K,F,H,W]. All else is LibTorch's conv3d with padding (1, 0, 0).
inline at::Tensor winograd_temporal_conv(const at::Tensor& input, const at::Tensor& weight,
                                         const at::Tensor& bias) {
  if (!winograd_serves(input, weight, bias, 5, {3, 1, 1}))
    return at::conv3d(input, weight.to(input.scalar_type()), bias, 1, at::IntArrayRef{1, 0, 0});
  const kernels::FrameConvolution shape{.videos = input.size(0),
                                        .in_channels = input.size(1),
                                        .out_channels = weight.size(0),
                                        .frames = input.size(2),
                                        .pixels = input.size(3) * input.size(4)};
  const std::array sizes{shape.videos, shape.out_channels, shape.frames, input.size(3),
                         input.size(4)};
  return winograd_convolve(shape, sizes, input, weight, bias);
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
