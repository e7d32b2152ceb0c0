#pragma once

// Weights in float16 of a network that computes in float32, which stay in its mapped file: the code
// widens each where a layer reads it. `inline` in both modes: the units of several backends share
// it.

#include <freeinit/core/config.hpp>
#include <freeinit/impl/networks/mapped_weights_inl.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// An attribute of all layers of a class, which share the code that reads it.
using Attribute = std::pair<const c10::ClassType*, std::size_t>;

/// Weights by where they begin in memory; null of one that has none.
using WeightSet = std::unordered_set<const void*>;
inline const void* memory_of(const at::Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() ? tensor.storage().data() : nullptr;
}

/// Float16 kernels and matrices in a mapped file; biases and scales are nothing beside them.
inline bool may_stay_narrow(const at::Tensor& weight) {
  return weight.scalar_type() == at::kHalf && weight.dim() > 1 && is_mapped(weight);
}

/// What the layers of a network hold.
struct HeldTensors {
  std::map<Attribute, std::vector<at::Tensor>> parameters;  ///< undefined: something else
  std::unordered_map<const void*, int> others;              ///< by memory: holders of another kind
  int untold_layers = 0;  ///< held by something that does not say their class
};

inline void add_attributes(const c10::ivalue::Object& layer, HeldTensors& held) {
  const auto type = layer.type();
  for (std::size_t i = 0; i < std::min(type->numAttributes(), layer.slots().size()); ++i) {
    const c10::IValue& value = layer.getSlot(i);
    if (type->is_module() && type->is_parameter(i)) {
      const at::Tensor tensor = value.isTensor() ? value.toTensor() : at::Tensor();
      held.parameters[{type.get(), i}].push_back(tensor);
      --held.others[memory_of(tensor)];
    } else if (value.isObject() && *value.type() == *type->getAttribute(i)) {
      --held.untold_layers;
    }
  }
}

inline HeldTensors held_tensors(const torch::jit::Module& network) {
  HeldTensors held{.parameters = {}, .others = {}, .untold_layers = -1};  // the network itself
  std::unordered_set<const void*> seen;  // lists and objects may hold each other
  c10::IValue(network._ivalue()).visit([&](const c10::IValue& value) {
    if (value.isTensor()) ++held.others[memory_of(value.toTensor())];
    if (!value.isPtrType()) return false;
    const bool again = !seen.insert(value.internalToPointer()).second;
    if (value.isObject()) {
      ++held.untold_layers;
      if (!again) add_attributes(value.toObjectRef(), held);
    }
    return again;
  });
  return held;
}

/// What the code of a network does with the attributes of layers.
struct AttributeUses {
  std::map<Attribute, std::vector<torch::jit::Node*>> reads;
  std::set<Attribute> others;  ///< that are not only read for layers
  bool casts = false;          ///< a value may be of another class than the code says
};

/// Whether nothing but layers and products read a value: they make a new tensor of its numbers.
inline bool is_for_layers(const torch::jit::Value& value) {
  static constexpr std::array kLayers{
      c10::aten::linear, c10::aten::_convolution, c10::aten::conv1d, c10::aten::conv2d,
      c10::aten::conv3d, c10::aten::embedding,    c10::aten::matmul};
  return std::ranges::all_of(value.uses(), [](const torch::jit::Use& use) {
    return std::ranges::find(kLayers, use.user->kind()) != kLayers.end();
  });
}

inline void add_attribute_uses(torch::jit::Block& block, AttributeUses& uses) {
  for (torch::jit::Node* const node : block.nodes()) {
    for (torch::jit::Block* const inner : node->blocks()) add_attribute_uses(*inner, uses);
    uses.casts = uses.casts || node->kind() == c10::prim::unchecked_cast;
    const bool reads = node->kind() == c10::prim::GetAttr;
    if (!reads && node->kind() != c10::prim::SetAttr) continue;
    const auto type = node->input(0)->type()->cast<c10::ClassType>();
    const auto slot = type ? type->findAttributeSlot(node->s(c10::attr::name)) : std::nullopt;
    if (!slot) continue;
    const Attribute attribute(type.get(), *slot);
    if (!reads || !is_for_layers(*node->output())) uses.others.insert(attribute);
    if (reads) uses.reads[attribute].push_back(node);
  }
}

/// Widens what a node reads, in the form of `freeinit-export backend float16-weights`, which
/// winograd_graph_inl.hpp knows.
inline void widen(torch::jit::Node& read) {
  torch::jit::Graph& graph = *read.owningGraph();
  const torch::jit::WithInsertPoint before(&read);
  torch::jit::Value* const type = graph.insertConstant(static_cast<std::int64_t>(at::kFloat));
  torch::jit::Value* const no = graph.insertConstant(false);
  torch::jit::Value* const none = graph.insertConstant(c10::IValue());
  torch::jit::Node* const wide =
      graph.create(c10::aten::to, {read.output(), type, no, no, none}, 1);
  wide->insertAfter(&read);
  wide->output()->setType(read.output()->type());
  read.output()->replaceAllUsesAfterNodeWith(wide, wide->output());
}

/// Leaves out what the code may see otherwise than as the numbers of a layer's weight.
inline void keep_followed(WeightSet& narrow, const HeldTensors& held, const AttributeUses& uses) {
  if (uses.casts || held.untold_layers != 0) narrow.clear();
  for (const auto& [memory, holders] : held.others) {
    if (holders != 0) narrow.erase(memory);
  }
  for (const auto& [attribute, weights] : held.parameters) {
    // Code that is shared widens all or none.
    const bool is_followed = !uses.others.contains(attribute) &&
                             std::ranges::all_of(weights, [](const at::Tensor& weight) {
                               const at::ScalarType type = weight.scalar_type();
                               return type == at::kHalf || type == at::kFloat;
                             });
    if (is_followed) continue;
    for (const at::Tensor& weight : weights) narrow.erase(memory_of(weight));
  }
}

/// Leaves weights of a network that computes in float32 in its file as they are and widens each
/// where the code reads it: the same numbers. Returns them; others are to be widened. Call it after
/// `operators_of`, which brings all code, and before the network first runs.
inline WeightSet widen_where_read(const torch::jit::Module& network) {
  WeightSet narrow;
  for (const at::Tensor& weight : network.parameters()) {
    if (may_stay_narrow(weight)) narrow.insert(memory_of(weight));
  }
  if (narrow.empty()) return narrow;
  AttributeUses uses;
  const auto unit = network._ivalue()->compilation_unit();
  for (torch::jit::Function* const function : unit->get_functions()) {
    if (function->isGraphFunction())
      add_attribute_uses(*torch::jit::toGraphFunction(*function).graph()->block(), uses);
  }
  const HeldTensors held = held_tensors(network);
  keep_followed(narrow, held, uses);
  for (const auto& [attribute, weights] : held.parameters) {
    const bool is_narrow = std::ranges::any_of(
        weights, [&](const at::Tensor& weight) { return narrow.contains(memory_of(weight)); });
    if (!is_narrow) continue;
    for (torch::jit::Node* const read : uses.reads[attribute]) widen(*read);
  }
  return narrow;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
