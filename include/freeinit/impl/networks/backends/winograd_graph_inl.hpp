#pragma once

// Exchanges operators of a TorchScript network for faster ones on a CPU: the file stays as it is,
// so that every bundle can be run either way.

#include <freeinit/impl/networks/backends/attention_inl.hpp>
#include <freeinit/impl/networks/backends/graph_edits_inl.hpp>
#include <freeinit/impl/networks/backends/graph_norms_inl.hpp>
#include <freeinit/impl/networks/backends/graph_shortcuts_inl.hpp>
#include <freeinit/impl/networks/backends/winograd_conv_inl.hpp>

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <ATen/record_function.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// LibTorch's linear layer by oneDNN's matrix product, where it has that; its own choice for
/// float32 is MKL's, which is slower on the processors of docs/performance.md.
inline at::Tensor onednn_linear(const at::Tensor& input, const at::Tensor& weight,
                                const std::optional<at::Tensor>& bias) {
  using Linear = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                            std::string_view, c10::List<std::optional<at::Scalar>>,
                            std::optional<std::string_view>);
  static const auto onednn =
      c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  const at::ScalarType type = input.scalar_type();
  const bool serves = onednn && input.device().is_cpu() && weight.scalar_type() == type &&
                      (type == at::kFloat || type == at::kBFloat16) && input.numel() > 0;
  if (!serves) return at::linear(input, weight, bias);
  const c10::List<std::optional<at::Scalar>> nothing_after;
  return onednn->typed<Linear>().call(input, weight, bias, "none", nothing_after, "");
}

/// An operator of three tensors, the last optional, and one result.
using LayerOperator = at::Tensor (*)(const at::Tensor& input, const at::Tensor& weight,
                                     const std::optional<at::Tensor>& bias);

struct FasterOperator {
  const char* name;
  LayerOperator call;
  bool takes_narrow = true;  ///< a weight in float16
};

inline constexpr FasterOperator kFasterConvolution{
    kWinogradConvolution, [](const at::Tensor& input, const at::Tensor& weight, const auto& bias) {
      return winograd_conv2d(input.to(at::kFloat), weight, bias.value_or(at::Tensor()));
    }};
inline constexpr FasterOperator kFasterTemporalConvolution{
    "freeinit::winograd_temporal_conv",
    [](const at::Tensor& input, const at::Tensor& weight, const auto& bias) {
      return winograd_temporal_conv(input.to(at::kFloat), weight, bias.value_or(at::Tensor()));
    }};
inline constexpr FasterOperator kFasterLinear{"freeinit::linear", onednn_linear, false};

/// What computes linear layers, and convolutions of stride 1 without padding; null: they stay.
struct LayerOperators {
  const FasterOperator* linear = &kFasterLinear;
  const FasterOperator* pointwise = nullptr;
};

inline constexpr const char* kFasterAttention = "freeinit::attention";

inline void register_attention() {
  if (is_registered(kFasterAttention)) return;
  torch::jit::registerOperator(torch::jit::Operator(
      kFasterAttention +
          std::string("(Tensor query, Tensor key, Tensor value, float? scale) -> Tensor"),
      [](torch::jit::Stack& stack) {
        RECORD_FUNCTION(kFasterAttention, {});
        const auto scale = torch::jit::pop(stack).toOptional<double>();
        const auto values = torch::jit::pop(stack).toTensor();
        const auto keys = torch::jit::pop(stack).toTensor();
        const auto queries = torch::jit::pop(stack).toTensor();
        torch::jit::push(stack, attention(queries, keys, values, scale));
      },
      c10::AliasAnalysisKind::FROM_SCHEMA));
}

inline void register_layer_operator(const FasterOperator& op) {
  if (is_registered(op.name)) return;
  torch::jit::registerOperator(torch::jit::Operator(
      op.name + std::string("(Tensor input, Tensor weight, Tensor? bias) -> Tensor"),
      [op](torch::jit::Stack& stack) {
        RECORD_FUNCTION(op.name, {});  // for profilers, as LibTorch's own operators do
        const auto bias = torch::jit::pop(stack).toOptional<at::Tensor>();
        const auto weight = torch::jit::pop(stack).toTensor();
        const auto input = torch::jit::pop(stack).toTensor();
        torch::jit::push(stack, op.call(input, weight, bias));
      },
      c10::AliasAnalysisKind::FROM_SCHEMA));
}

inline void register_faster_operators() {
  const std::lock_guard lock(registration_mutex());
  register_attention();
  register_upsampled_convolution();
  register_over_one();
  register_group_norm(kGroupNorm, false);
  register_group_norm(kGroupNormSilu, true);
  for (const FasterOperator& op : {kFasterConvolution, kFasterTemporalConvolution, kFasterLinear})
    register_layer_operator(op);
}

/// Whether a node is a convolution with one group that is not a transposed one. Tracing writes
/// aten::_convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding,
/// groups, ...); what is optimised, or scripted, has aten::conv2d(..., dilation, groups).
inline bool is_plain_convolution(const torch::jit::Node& node) {
  if (node.kind() == c10::aten::conv2d || node.kind() == c10::aten::conv3d)
    return torch::jit::constant_as<std::int64_t>(node.input(6)) == 1;
  return node.kind() == c10::aten::_convolution &&
         torch::jit::constant_as<bool>(node.input(6)) == false &&
         torch::jit::constant_as<std::int64_t>(node.input(8)) == 1;
}

/// What computes a node faster, or null.
inline const FasterOperator* faster_operator(const torch::jit::Node& node,
                                             const LayerOperators& layers) {
  if (node.kind() == c10::aten::linear) return layers.linear;
  if (!is_plain_convolution(node)) return nullptr;
  const auto has = [&](std::initializer_list<std::int64_t> ones,
                       std::initializer_list<std::int64_t> padding) {
    return is_list(node.input(3), ones) && is_list(node.input(4), padding) &&
           is_list(node.input(5), ones);
  };
  if (has({1, 1}, {1, 1})) return &kFasterConvolution;
  if (has({1, 1, 1}, {1, 0, 0})) return &kFasterTemporalConvolution;
  if (has({1, 1}, {0, 0})) return layers.pointwise;
  return nullptr;
}

/// The float16 weight behind one that a graph widens when it uses it (widening_inl.hpp): a
/// convolution here widens a few kernels at a time instead, and bfloat16 rounds it as it is.
inline torch::jit::Value* stored_weight(torch::jit::Value* weight) {
  torch::jit::Node* const node = weight->node();
  const bool widens = node->kind() == c10::aten::to && node->inputs().size() == 5 &&
                      torch::jit::constant_as<std::int64_t>(node->input(1)) ==
                          static_cast<std::int64_t>(at::kFloat);
  return widens && node->input(0)->node()->kind() == c10::prim::GetAttr ? node->input(0) : weight;
}

/// Whether a node is attention of all queries with all keys: no mask, no dropout.
inline bool is_plain_attention(const torch::jit::Node& node) {
  return node.kind() == c10::aten::scaled_dot_product_attention && node.input(3)->mustBeNone() &&
         torch::jit::constant_as<double>(node.input(4)) == 0.0 &&
         torch::jit::constant_as<bool>(node.input(5)) == false;
}

inline std::size_t exchange_operators(torch::jit::Block& block, const LayerOperators& layers) {
  std::size_t exchanged = 0;
  for (auto node = block.nodes().begin(); node != block.nodes().end(); ++node) {
    for (torch::jit::Block* const inner : node->blocks())
      exchanged += exchange_operators(*inner, layers);
    if (is_plain_attention(**node)) {
      replace_by(**node, kFasterAttention,
                 {node->input(0), node->input(1), node->input(2), node->input(6)});
      node.destroyCurrent();
      ++exchanged;
      continue;
    }
    const FasterOperator* const faster = faster_operator(**node, layers);
    if (faster == nullptr) continue;
    torch::jit::Value* const given = node->input(1);
    torch::jit::Value* const weight = faster->takes_narrow ? stored_weight(given) : given;
    replace_by(**node, faster->name, {node->input(0), weight, node->input(2)});
    node.destroyCurrent();
    if (!given->hasUses() && given != weight) given->node()->destroy();
    ++exchanged;
  }
  return exchanged;
}

/// Runs a TorchScript network for a CPU from now on, in all methods of all its layers: convolutions
/// by `winograd_conv2d` and `winograd_temporal_conv` where stride, padding, dilation and groups are
/// theirs, attention, and linear layers by oneDNN's matrix product where this LibTorch has it.
/// Returns how many layers those are. Group norms are exchanged, too, and what need not be computed
/// goes. Call it before the network first runs, since a method is compiled then.
inline std::size_t use_winograd(torch::jit::Module& network, const LayerOperators& layers = {}) {
  register_faster_operators();
  const std::vector<torch::jit::Block*> methods = method_blocks(network);
  std::size_t exchanged = 0;
  for (torch::jit::Block* const block : methods) exchanged += exchange_operators(*block, layers);
  use_faster_norms(methods);
  take_shortcuts(methods);
  return exchanged;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
