#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <cstddef>

namespace torch::jit {
struct Module;
}

namespace freeinit::inline FREEINIT_ABI {

/// How a network computes its convolutions, and on a CPU in float32 its linear layers with them.
enum class ConvolutionAlgorithm {
  direct,    ///< as LibTorch does
  winograd,  ///< as `use_winograd` says. Rounds a little differently.
};

/// The 2-D convolution of `input` [N,C,H,W] with `weight` [K,C,3,3] and `bias` [K] or undefined, at
/// stride, padding, dilation and groups of 1: [N,K,H,W], by Winograd's F(4x4, 3x3) with a quarter
/// of the multiplications (Lavin and Gray, arXiv 1509.09308). For float32 on a CPU with AVX2 or
/// AVX-512, with channels enough for it to pay, without autograd; `weight` may be float16 and is
/// then widened. Results are within 2e-5 of the largest value of float64's. Some tens of MiB for
/// the transforms are kept for the next call until the thread ends. All else, other kernels too, is
/// LibTorch's conv2d with padding 1. Throws c10::Error as that does.
[[nodiscard]] FREEINIT_API at::Tensor winograd_conv2d(const at::Tensor& input,
                                                      const at::Tensor& weight,
                                                      const at::Tensor& bias);

/// The same along the frames of `input` [N,C,F,H,W], with `weight` [K,C,3,1,1]: [N,K,F,H,W], by
/// F(4, 3) with half of the multiplications. All else is LibTorch's conv3d with padding (1, 0, 0).
[[nodiscard]] FREEINIT_API at::Tensor winograd_temporal_conv(const at::Tensor& input,
                                                             const at::Tensor& weight,
                                                             const at::Tensor& bias);

/// Runs a TorchScript network for a CPU from now on, in all methods of all its layers: convolutions
/// by `winograd_conv2d` and `winograd_temporal_conv` where stride, padding, dilation and groups are
/// theirs, and linear layers by oneDNN's matrix product where this LibTorch has it. Returns how
/// many layers those are. Call it before the network first runs, since a method is compiled then.
FREEINIT_API std::size_t use_winograd(const torch::jit::Module& network);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/backends/winograd_conv_inl.hpp>
#include <freeinit/impl/models/winograd_graph_inl.hpp>
#endif
