#pragma once

// Attention of tensors by the kernels of kernels/, where those serve, else as LibTorch has it.

#include <freeinit/impl/networks/backends/in_parallel_inl.hpp>
#include <freeinit/kernels/attention.hpp>

#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <cmath>
#include <cstdint>
#include <optional>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The kernels for what LibTorch takes this processor for, as for convolutions.
inline const kernels::AttentionKernels* attention_kernels() {
  static const kernels::AttentionKernels* const set =
      kernels::attention_kernels(at::get_cpu_capability());
  return set;
}

/// Queries [B,H,S,D], keys and values [B,H,K,D].
struct AttentionInputs {
  const at::Tensor& queries;
  const at::Tensor& keys;
  const at::Tensor& values;
  float scale;
};

/// Whether tensors are such as the kernels read: on a CPU, all of that type, rows that lie
/// together.
inline bool attention_serves(const AttentionInputs& in, at::ScalarType type) {
  const auto serves = [&](const at::Tensor& tensor) {
    return tensor.device().is_cpu() && tensor.scalar_type() == type && tensor.dim() == 4 &&
           tensor.numel() > 0 && tensor.stride(3) == 1 && tensor.size(0) == in.queries.size(0) &&
           tensor.size(1) == in.queries.size(1) && tensor.size(3) == in.queries.size(3);
  };
  return serves(in.queries) && serves(in.keys) && serves(in.values) &&
         in.keys.size(2) == in.values.size(2);
}

/// The products of bfloat16 read two neighbouring values as one.
inline bool has_pairs(const at::Tensor& tensor) {
  return tensor.size(3) % 2 == 0 && tensor.stride(0) % 2 == 0 && tensor.stride(1) % 2 == 0 &&
         tensor.stride(2) % 2 == 0 && tensor.storage_offset() % 2 == 0;
}

template <class Float>
kernels::Sequences<Float> sequences_of(const at::Tensor& tensor) {
  return {static_cast<Float*>(tensor.data_ptr()), tensor.stride(0), tensor.stride(1),
          tensor.stride(2)};
}

/// attend(attention, parallel) for those tensors, whose elements are `Float`.
template <class Float, class Attend>
at::Tensor attention_by(const AttentionInputs& in, const Attend& attend) {
  const at::Tensor& q = in.queries;
  const at::Tensor output =
      at::empty({q.size(0), q.size(2), q.size(1), q.size(3)}, q.options()).transpose(1, 2);
  const kernels::AttentionOf<Float> attention{.batches = q.size(0),
                                              .heads = q.size(1),
                                              .num_queries = q.size(2),
                                              .num_keys = in.keys.size(2),
                                              .width = q.size(3),
                                              .scale = in.scale,
                                              .queries = sequences_of<const Float>(q),
                                              .keys = sequences_of<const Float>(in.keys),
                                              .values = sequences_of<const Float>(in.values),
                                              .output = sequences_of<Float>(output)};
  attend(attention, [&](std::int64_t count, const kernels::Part& body) {
    in_parallel(count, output.data_ptr(), body);
  });
  return output;
}

/// softmax(scale * Q K^T) V for queries [B,H,S,D], keys and values [B,H,K,D], without autograd:
/// [B,H,S,D], which lies as [B,S,H,D] in memory. Without `scale` it is 1 / sqrt(D). In bfloat16
/// where all are and the processor multiplies it, else in float32. Throws c10::Error as LibTorch's
/// does.
inline at::Tensor attention(const at::Tensor& queries, const at::Tensor& keys,
                            const at::Tensor& values, std::optional<double> scale) {
  const double width = queries.dim() == 4 ? static_cast<double>(queries.size(3)) : 1.0;
  const AttentionInputs given{queries, keys, values,
                              static_cast<float>(scale.value_or(1.0 / std::sqrt(width)))};
  if (kernels::has_bfloat16_attention() && attention_serves(given, at::kBFloat16) &&
      has_pairs(queries) && has_pairs(keys) && has_pairs(values)) {
    return attention_by<std::uint16_t>(given, [](const auto& attention, const auto& parallel) {
      kernels::attend(attention, parallel);
    });
  }
  const auto widen = [](const at::Tensor& tensor) {
    return tensor.scalar_type() == at::kBFloat16 ? tensor.to(at::kFloat) : tensor;
  };
  const at::Tensor q = widen(queries);
  const at::Tensor k = widen(keys);
  const at::Tensor v = widen(values);
  const AttentionInputs wide{q, k, v, given.scale};
  if (attention_kernels() == nullptr || !attention_serves(wide, at::kFloat))
    return at::scaled_dot_product_attention(q, k, v, {}, 0.0, false, scale);
  return attention_by<float>(wide, [](const auto& attention, const auto& parallel) {
    kernels::attend(*attention_kernels(), attention, parallel);
  });
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
