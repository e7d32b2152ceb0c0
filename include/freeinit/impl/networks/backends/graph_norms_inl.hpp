#pragma once

// Group norm of a TorchScript network on a CPU and the SiLU behind it as one operator.

#include <freeinit/impl/networks/backends/graph_edits_inl.hpp>
#include <freeinit/impl/networks/backends/group_norm_inl.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr const char* kGroupNorm = "freeinit::group_norm";
inline constexpr const char* kGroupNormSilu = "freeinit::group_norm_silu";

inline void register_group_norm(const char* name, bool silu) {
  if (is_registered(name)) return;
  torch::jit::registerOperator(torch::jit::Operator(
      name + std::string(
                 "(Tensor input, int groups, Tensor? weight, Tensor? bias, float eps) -> Tensor"),
      [name, silu](torch::jit::Stack& stack) {
        RECORD_FUNCTION(name, {});
        const double epsilon = torch::jit::pop(stack).toDouble();
        const auto bias = torch::jit::pop(stack).toOptional<at::Tensor>();
        const auto weight = torch::jit::pop(stack).toOptional<at::Tensor>();
        const std::int64_t groups = torch::jit::pop(stack).toInt();
        auto input = torch::jit::pop(stack).toTensor();
        torch::jit::push(stack,
                         group_norm(std::move(input), weight, bias, {groups, epsilon, silu}));
      },
      c10::AliasAnalysisKind::FROM_SCHEMA));
}

/// Whether a node is a norm, or calls a method that ends with one.
inline bool makes_norm(const torch::jit::Node& node, int calls = kMostCalls) {
  torch::jit::GraphFunction* const method = called_method(node);
  if (method == nullptr) return node.kind() == c10::aten::group_norm;
  const torch::jit::Graph& graph = *method->graph();
  const torch::jit::Node* const last = graph.return_node()->prev();
  return calls > 0 && graph.outputs().size() == 1 && graph.outputs()[0]->node() == last &&
         makes_norm(*last, calls - 1);
}

/// The norm of such a node, out of the methods that are called for it.
inline torch::jit::Node& bring_norm(torch::jit::Node& node) {
  torch::jit::GraphFunction* const method = called_method(node);
  if (method == nullptr) return node;
  return bring_norm(*torch::jit::inlineCallTo(&node, method, method->graph().get())[0]->node());
}

/// One operator for a norm and the SiLU that alone reads it. Null if that is not what `node` makes.
inline torch::jit::Node* join_silu(torch::jit::Node& node) {
  if (!makes_norm(node) || !is_only_read_by(*node.output(), node.next(), c10::aten::silu))
    return nullptr;
  torch::jit::Node& norm = bring_norm(node);
  torch::jit::Node& silu = bring_reader(*norm.output());
  torch::jit::Node& joined = replace_by(silu, kGroupNormSilu, norm.inputs().slice(0, 5));
  silu.destroy();
  norm.destroy();
  return &joined;
}

inline void join_norms(torch::jit::Block& block) {
  for (auto node = block.nodes().begin(); node != block.nodes().end(); ++node) {
    for (torch::jit::Block* const inner : node->blocks()) join_norms(*inner);
    if (torch::jit::Node* const joined = join_silu(**node)) node = joined->iterator();
  }
}

/// Norms that no SiLU was joined to.
inline void exchange_norms(torch::jit::Block& block) {
  for (auto node = block.nodes().begin(); node != block.nodes().end(); ++node) {
    for (torch::jit::Block* const inner : node->blocks()) exchange_norms(*inner);
    if (node->kind() != c10::aten::group_norm) continue;
    replace_by(**node, kGroupNorm, node->inputs().slice(0, 5));
    node.destroyCurrent();
  }
}

inline void use_faster_norms(const std::vector<torch::jit::Block*>& methods) {
  for (torch::jit::Block* const block : methods) join_norms(*block);
  for (torch::jit::Block* const block : methods) exchange_norms(*block);
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
