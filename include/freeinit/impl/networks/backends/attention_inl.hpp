#pragma once

// Attention of tensors by the kernels of kernels/, where those serve, else as LibTorch has it.

#include <freeinit/impl/networks/backends/in_parallel_inl.hpp>
#include <freeinit/kernels/attention.hpp>

#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <cmath>
#include <optional>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The kernels for what LibTorch takes this processor for, as for convolutions.
inline const kernels::AttentionKernels* attention_kernels() {
  static const kernels::AttentionKernels* const set =
      kernels::attention_kernels(at::get_cpu_capability());
  return set;
}

/// Whether it is [batches,heads,rows,width] such as the kernels read, and like `other` but for
/// rows.
inline bool attention_serves(const at::Tensor& tensor, const at::Tensor& other) {
  return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat && tensor.dim() == 4 &&
         other.dim() == 4 && tensor.numel() > 0 && tensor.stride(3) == 1 &&
         tensor.size(0) == other.size(0) && tensor.size(1) == other.size(1) &&
         tensor.size(3) == other.size(3);
}

template <class Float>
kernels::Sequences<Float> sequences_of(Float* data, const at::Tensor& tensor) {
  return {data, tensor.stride(0), tensor.stride(1), tensor.stride(2)};
}

/// softmax(scale * Q K^T) V for queries [B,H,S,D], keys and values [B,H,K,D], without autograd:
/// [B,H,S,D], which lies as [B,S,H,D] in memory. Without `scale` it is 1 / sqrt(D). Throws
/// c10::Error as LibTorch's does.
inline at::Tensor attention(const at::Tensor& queries, const at::Tensor& keys,
                            const at::Tensor& values, std::optional<double> scale) {
  const bool serves = attention_kernels() != nullptr && attention_serves(queries, queries) &&
                      attention_serves(keys, queries) && attention_serves(values, queries) &&
                      keys.size(2) == values.size(2);
  if (!serves)
    return at::scaled_dot_product_attention(queries, keys, values, {}, 0.0, false, scale);
  const at::Tensor output =
      at::empty({queries.size(0), queries.size(2), queries.size(1), queries.size(3)},
                queries.options())
          .transpose(1, 2);
  const double width = static_cast<double>(queries.size(3));
  float* const to = output.mutable_data_ptr<float>();
  const kernels::Attention shape{
      .batches = queries.size(0),
      .heads = queries.size(1),
      .num_queries = queries.size(2),
      .num_keys = keys.size(2),
      .width = queries.size(3),
      .scale = static_cast<float>(scale.value_or(1.0 / std::sqrt(width))),
      .queries = sequences_of(queries.const_data_ptr<float>(), queries),
      .keys = sequences_of(keys.const_data_ptr<float>(), keys),
      .values = sequences_of(values.const_data_ptr<float>(), values),
      .output = sequences_of(to, output)};
  kernels::attend(*attention_kernels(), shape, [&](std::int64_t count, const kernels::Part& body) {
    in_parallel(count, to, body);
  });
  return output;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
