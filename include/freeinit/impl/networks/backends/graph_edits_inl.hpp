#pragma once

// Looking at nodes of a TorchScript graph and putting others in their places.

#include <freeinit/core/config.hpp>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <initializer_list>
#include <mutex>
#include <set>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline bool is_registered(const char* name) {
  return !torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(name)).empty();
}

/// Held while operators are made known to TorchScript: once in a process, for more than one library
/// may hold this code.
inline std::mutex& registration_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// What the methods of all layers do, each once: layers of a kind share their methods.
inline std::vector<torch::jit::Block*> method_blocks(const torch::jit::Module& network) {
  std::set<const torch::jit::Function*> seen;
  std::vector<torch::jit::Block*> blocks;
  for (const torch::jit::Module& layer : network.modules()) {
    for (const torch::jit::Method& method : layer.get_methods()) {
      if (seen.insert(&method.function()).second) blocks.push_back(method.graph()->block());
    }
  }
  return blocks;
}

/// Whether a value is that list: a constant, as optimising leaves it, or made of constants, as
/// tracing writes it.
template <class Number>
bool is_list(const torch::jit::Value* value, std::initializer_list<Number> expected) {
  if (const auto constant = torch::jit::constant_as<c10::List<Number>>(value))
    return std::ranges::equal(constant->vec(), expected);
  const torch::jit::Node* const list = value->node();
  return list->kind() == c10::prim::ListConstruct &&
         std::ranges::equal(list->inputs(), expected,
                            [](const torch::jit::Value* element, Number number) {
                              return torch::jit::constant_as<Number>(element) == number;
                            });
}

/// Puts an operator with those inputs in the place of a node. The caller destroys the node.
inline void replace_by(torch::jit::Node& node, const char* name,
                       at::ArrayRef<torch::jit::Value*> inputs) {
  torch::jit::Node* const other =
      node.owningGraph()->create(c10::Symbol::fromQualString(name), inputs, 1);
  other->insertBefore(&node);
  other->output()->setType(node.output()->type());
  node.output()->replaceAllUsesWith(other->output());
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
