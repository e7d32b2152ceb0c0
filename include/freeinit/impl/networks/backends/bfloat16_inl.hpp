#pragma once

// A TorchScript network whose linear layers, and the attention between them, compute in bfloat16 on
// a processor that has such products: half of the time and of the weights. Sums are in float32, and
// so are convolutions, norms and what the layers are added to. Empty where the build leaves it out
// (FREEINIT_WITH_WINOGRAD).

#ifdef FREEINIT_WITH_WINOGRAD

#include <freeinit/impl/networks/backends/loaders_inl.hpp>
#include <freeinit/impl/networks/backends/winograd_graph_inl.hpp>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <optional>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// What a value that is read from the attributes of `layer` holds, or nothing.
inline std::optional<c10::IValue> attribute_of(const torch::jit::Module& layer,
                                               const torch::jit::Value* value) {
  const torch::jit::Node* const node = value->node();
  if (node->kind() == c10::prim::Param) return layer._ivalue();
  if (node->kind() != c10::prim::GetAttr) return {};
  const auto owner = attribute_of(layer, node->input());
  if (!owner) return {};
  return owner->toObjectRef().getAttr(node->s(c10::attr::name));
}

/// Rounds the matrices of the linear layers of `block` where they are: they are read as they are
/// kept.
inline void narrow_linear_weights(const torch::jit::Module& layer, const torch::jit::Block& block) {
  static const c10::Symbol linear = c10::Symbol::fromQualString(kBfloat16Linear.name);
  for (const torch::jit::Node* const node : block.nodes()) {
    for (const torch::jit::Block* const inner : node->blocks())
      narrow_linear_weights(layer, *inner);
    if (node->kind() != linear) continue;
    const auto weight = attribute_of(layer, node->input(1));
    if (!weight || !weight->isTensor() || weight->toTensor().scalar_type() != at::kFloat) continue;
    at::Tensor matrix = weight->toTensor();
    matrix.set_data(matrix.to(at::kBFloat16));
  }
}

FREEINIT_INLINE void compute_in_bfloat16(torch::jit::Module& network) {
  static_cast<void>(use_winograd(network, kBfloat16Linear));
  for (const torch::jit::Module& layer : network.modules()) {
    for (const torch::jit::Method& method : layer.get_methods())
      narrow_linear_weights(layer, *method.graph()->block());
  }
}

FREEINIT_INLINE bool has_bfloat16_products() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI

#endif
