#pragma once

// Group norm of tensors by the kernels of kernels/, where those serve, else as LibTorch has it.

#include <freeinit/impl/networks/backends/in_parallel_inl.hpp>
#include <freeinit/impl/networks/only_owner_inl.hpp>
#include <freeinit/kernels/group_norm.hpp>

#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>

#include <cstdint>
#include <optional>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The kernels for what LibTorch takes this processor for, as for convolutions.
inline const kernels::GroupNormKernels* group_norm_kernels() {
  static const kernels::GroupNormKernels* const set =
      kernels::group_norm_kernels(at::get_cpu_capability());
  return set;
}

/// What LibTorch's group norm is called with, and whether SiLU comes behind it.
struct GroupNormCall {
  std::int64_t groups;
  double epsilon;
  bool silu;
};

/// Whether tensors are such as the kernels read: on a CPU, in float32, with one weight and one bias
/// for each channel. What has its channels last stays so with LibTorch.
inline bool group_norm_serves(const at::Tensor& input, const at::Tensor& weight,
                              const at::Tensor& bias, const GroupNormCall& call) {
  const auto serves = [](const at::Tensor& tensor) {
    return tensor.defined() && tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat;
  };
  const auto is_of_channels = [&](const at::Tensor& tensor) {
    return serves(tensor) && tensor.dim() == 1 && tensor.size(0) == input.size(1);
  };
  return group_norm_kernels() != nullptr && serves(input) && input.dim() >= 2 &&
         input.numel() > 0 && call.groups > 0 && input.size(1) % call.groups == 0 &&
         is_of_channels(weight) && is_of_channels(bias) &&
         input.suggest_memory_format() == at::MemoryFormat::Contiguous;
}

/// Whether the pixels of each frame [H,W] of videos [N,C,F,H,W] lie together, as in those that are
/// turned frames.
inline bool has_whole_frames(const at::Tensor& input) {
  return input.dim() == 5 && input.stride(4) == 1 && input.stride(3) == input.size(4);
}

/// The result takes the place of an input that nobody else knows, as the interpreter hands over to
/// its last reader: large memory that is new costs more time than what is computed. Memory that was
/// given to LibTorch is somebody's.
inline at::Tensor group_norm_by_kernels(at::Tensor given, const at::Tensor& given_weight,
                                        const at::Tensor& given_bias, const GroupNormCall& call) {
  const bool stays = given.is_contiguous() && given.storage().resizable() && may_write_again(given);
  const at::Tensor input = has_whole_frames(given) ? std::move(given) : given.contiguous();
  const at::Tensor weight = given_weight.contiguous();
  const at::Tensor bias = given_bias.contiguous();
  const at::Tensor output = stays ? input : at::empty(input.sizes(), input.options());
  const bool is_video = input.dim() == 5;
  const std::int64_t frames = is_video ? input.size(2) : 1;
  const kernels::GroupNorm norm{.batches = input.size(0),
                                .channels = input.size(1),
                                .groups = call.groups,
                                .frames = frames,
                                .pixels = input.numel() / (input.size(0) * input.size(1) * frames),
                                .epsilon = call.epsilon,
                                .silu = call.silu,
                                .input = input.const_data_ptr<float>(),
                                .batch = input.stride(0),
                                .channel = input.stride(1),
                                .frame = is_video ? input.stride(2) : 0,
                                .weight = weight.const_data_ptr<float>(),
                                .bias = bias.const_data_ptr<float>(),
                                .output = output.mutable_data_ptr<float>()};
  kernels::normalise(*group_norm_kernels(), norm,
                     [&](std::int64_t count, const kernels::Part& body) {
                       in_parallel(count, output.data_ptr(), body);
                     });
  return output;
}

/// LibTorch's group norm, without autograd, and SiLU of it if that is asked for. Weight and bias
/// may be float16. An input that is moved here may become the result. Throws c10::Error as
/// LibTorch's does.
inline at::Tensor group_norm(at::Tensor input, const std::optional<at::Tensor>& given_weight,
                             const std::optional<at::Tensor>& given_bias,
                             const GroupNormCall& call) {
  const auto widen = [](const std::optional<at::Tensor>& tensor) {
    if (!tensor || !tensor->defined()) return at::Tensor();
    return tensor->scalar_type() == at::kHalf ? tensor->to(at::kFloat) : *tensor;
  };
  const at::Tensor weight = widen(given_weight);
  const at::Tensor bias = widen(given_bias);
  if (group_norm_serves(input, weight, bias, call))
    return group_norm_by_kernels(std::move(input), weight, bias, call);
  const at::Tensor output = at::group_norm(input, call.groups, weight, bias, call.epsilon);
  return call.silu ? at::silu(output) : output;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
