#pragma once

// Looking at nodes of a TorchScript graph and putting others in their places.

#include <freeinit/core/config.hpp>

#include <torch/csrc/jit/api/function_impl.h>
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

/// Whether a node may write into a tensor that is there. A method that it calls is asked by itself.
inline bool writes(const torch::jit::Node* node) {
  const c10::FunctionSchema* const schema = node->maybeSchema();
  const auto any_writes = [](const torch::jit::Block* inner) {
    return std::ranges::any_of(inner->nodes(), writes);
  };
  // What is of no layer nobody asks.
  const auto layer = [&] { return node->input(0)->type()->cast<c10::ClassType>(); };
  const bool is_unasked =
      node->kind() == c10::prim::CallFunction ||
      (node->kind() == c10::prim::CallMethod && (layer() == nullptr || !layer()->is_module()));
  return (schema != nullptr && schema->is_mutable()) || is_unasked ||
         std::ranges::any_of(node->blocks(), any_writes);
}

/// Calls of methods within each other that are looked into, and nodes of a method that is put in
/// the place of its call: a layer has few, and a graph may not grow without end.
inline constexpr int kMostCalls = 4;
inline constexpr int kMostNodes = 32;

inline bool is_short(const torch::jit::Graph& graph) {
  int count = 0;
  return std::ranges::all_of(graph.nodes(), [&count](const torch::jit::Node* node) {
    return node->blocks().empty() && ++count <= kMostNodes;
  });
}

/// What a call of a short method runs; null if a node is none.
inline torch::jit::GraphFunction* called_method(const torch::jit::Node& node) {
  if (node.kind() != c10::prim::CallMethod) return nullptr;
  const auto layer = node.input(0)->type()->cast<c10::ClassType>();
  if (layer == nullptr) return nullptr;
  torch::jit::GraphFunction* const method =
      torch::jit::tryToGraphFunction(layer->getMethod(node.s(c10::attr::name)));
  return method != nullptr && is_short(*method->graph()) ? method : nullptr;
}

/// Whether a `reader` has a value as its first input, here or in the method that is called with it,
/// and nothing else reads it; and whether nothing is written from the node `next` on until then, so
/// that what the value is made of can be read there instead.
inline bool is_only_read_by(const torch::jit::Value& value, const torch::jit::Node* next,
                            c10::Symbol reader, int calls = kMostCalls) {
  if (value.uses().size() != 1) return false;
  const torch::jit::Use use = value.uses()[0];
  for (; next != use.user; next = next->next()) {
    const bool is_simple = next->blocks().empty() && next->kind() != c10::prim::CallMethod;
    if (next->kind() == c10::prim::Return || !is_simple || writes(next)) return false;
  }
  if (torch::jit::GraphFunction* const method = called_method(*use.user)) {
    const torch::jit::Graph& graph = *method->graph();
    return calls > 0 &&
           is_only_read_by(*graph.inputs()[use.offset], *graph.nodes().begin(), reader, calls - 1);
  }
  return use.user->kind() == reader && use.offset == 0;
}

/// What reads such a value, out of the methods that are called for it.
inline torch::jit::Node& bring_reader(torch::jit::Value& value) {
  for (;;) {
    torch::jit::Node* const user = value.uses()[0].user;
    torch::jit::GraphFunction* const method = called_method(*user);
    if (method == nullptr) return *user;
    torch::jit::inlineCallTo(user, method, method->graph().get());
  }
}

/// Puts an operator with those inputs in the place of a node. The caller destroys the node.
inline torch::jit::Node& replace_by(torch::jit::Node& node, const char* name,
                                    at::ArrayRef<torch::jit::Value*> inputs) {
  torch::jit::Node* const other =
      node.owningGraph()->create(c10::Symbol::fromQualString(name), inputs, 1);
  other->insertBefore(&node);
  other->output()->setType(node.output()->type());
  node.output()->replaceAllUsesWith(other->output());
  return *other;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
