#pragma once

// Exchanges the convolutions of a TorchScript network for winograd_conv2d: the file stays as it is,
// so that every bundle can be run either way.

#include <freeinit/impl/models/winograd_conv_inl.hpp>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline c10::Symbol winograd_symbol() {
  return c10::Symbol::fromQualString("freeinit::winograd_conv2d");
}

/// Makes the operator known to TorchScript; once in a process, for more than one library may hold
/// this code.
FREEINIT_INLINE void register_winograd() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (!torch::jit::getAllOperatorsFor(winograd_symbol()).empty()) return;
  torch::jit::registerOperator(torch::jit::Operator(
      "freeinit::winograd_conv2d(Tensor input, Tensor weight, Tensor? bias) -> Tensor",
      [](torch::jit::Stack& stack) {
        const auto bias = torch::jit::pop(stack).toOptional<at::Tensor>();
        const auto weight = torch::jit::pop(stack).toTensor();
        const auto input = torch::jit::pop(stack).toTensor();
        torch::jit::push(stack, winograd_conv2d(input, weight, bias.value_or(at::Tensor())));
      },
      c10::AliasAnalysisKind::FROM_SCHEMA));
}

/// Whether a value is the list [1, 1] of the graph's constants.
inline bool is_one_by_one(const torch::jit::Value* value) {
  const torch::jit::Node* const list = value->node();
  return list->kind() == c10::prim::ListConstruct && list->inputs().size() == 2 &&
         std::ranges::all_of(list->inputs(), [](const torch::jit::Value* element) {
           return torch::jit::constant_as<std::int64_t>(element) == 1;
         });
}

/// Of aten::_convolution(input, weight, bias, stride, padding, dilation, transposed,
/// output_padding, groups, ...), which is what tracing writes for every convolution.
inline bool winograd_serves(const torch::jit::Node& node) {
  return node.kind() == c10::aten::_convolution && is_one_by_one(node.input(3)) &&
         is_one_by_one(node.input(4)) && is_one_by_one(node.input(5)) &&
         torch::jit::constant_as<bool>(node.input(6)) == false &&
         torch::jit::constant_as<std::int64_t>(node.input(8)) == 1;
}

FREEINIT_INLINE std::size_t exchange_convolutions(torch::jit::Block& block) {
  std::size_t exchanged = 0;
  for (auto node = block.nodes().begin(); node != block.nodes().end(); ++node) {
    for (torch::jit::Block* const inner : node->blocks())
      exchanged += exchange_convolutions(*inner);
    if (!winograd_serves(**node)) continue;
    torch::jit::Node* const other = block.owningGraph()->create(
        winograd_symbol(), {node->input(0), node->input(1), node->input(2)}, 1);
    other->insertBefore(*node);
    other->output()->setType(node->output()->type());
    node->output()->replaceAllUsesWith(other->output());
    node.destroyCurrent();
    ++exchanged;
  }
  return exchanged;
}

}  // namespace detail

FREEINIT_INLINE std::size_t use_winograd(const torch::jit::Module& network) {
  detail::register_winograd();
  std::set<const torch::jit::Function*> seen;  // layers of a kind share their methods
  std::size_t exchanged = 0;
  for (const torch::jit::Module& layer : network.modules()) {
    for (const torch::jit::Method& method : layer.get_methods()) {
      if (!seen.insert(&method.function()).second) continue;
      exchanged += detail::exchange_convolutions(*method.graph()->block());
    }
  }
  return exchanged;
}

}  // namespace freeinit::inline FREEINIT_ABI
