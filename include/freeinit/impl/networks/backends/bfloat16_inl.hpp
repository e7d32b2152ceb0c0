#pragma once

// A TorchScript network whose linear layers, pointwise convolutions and attention compute in
// bfloat16 on a processor that has such products: half of the time and of the weights. Sums are in
// float32, and so are other convolutions, norms and what the layers are added to. Empty where the
// build leaves it out (FREEINIT_WITH_WINOGRAD).

#ifdef FREEINIT_WITH_WINOGRAD

#include <freeinit/impl/networks/backends/loaders_inl.hpp>
#include <freeinit/impl/networks/backends/winograd_graph_inl.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/conv2d.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Its result is bfloat16 too: what reads it next reads half as much.
inline constexpr FasterOperator kBfloat16Linear{
    "freeinit::bfloat16_linear",
    [](const at::Tensor& input, const at::Tensor& weight, const auto& bias) {
      return onednn_linear(input.to(at::kBFloat16), weight.to(at::kBFloat16), bias);
    }};
/// Its result is float32: transformers add theirs to it.
inline constexpr FasterOperator kBfloat16Pointwise{
    "freeinit::bfloat16_conv2d",
    [](const at::Tensor& input, const at::Tensor& weight, const auto& bias) {
      const at::Tensor product = at::conv2d(input.to(at::kBFloat16), weight.to(at::kBFloat16));
      if (!bias) return product.to(at::kFloat);
      return product.add(bias->view({-1, 1, 1}));
    }};
inline constexpr const char* kFloatSum = "freeinit::float_sum";
inline constexpr const char* kOneDtype = "freeinit::one_dtype";

/// Sums that would be rounded to bfloat16 are not.
inline at::Tensor float_sum(const at::Tensor& left, const at::Tensor& right,
                            const at::Scalar& factor) {
  const bool is_narrow =
      left.scalar_type() == at::kBFloat16 && right.scalar_type() == at::kBFloat16;
  return at::add(is_narrow ? left.to(at::kFloat) : left, right, factor);
}

/// What a product takes: all in bfloat16, or none.
inline std::vector<at::Tensor> in_one_dtype(std::vector<at::Tensor> tensors) {
  const auto is_narrow = [](const at::Tensor& t) { return t.scalar_type() == at::kBFloat16; };
  if (std::ranges::all_of(tensors, is_narrow)) return tensors;
  for (at::Tensor& tensor : tensors) {
    if (is_narrow(tensor)) tensor = tensor.to(at::kFloat);
  }
  return tensors;
}

inline void register_bfloat16_operators() {
  const std::lock_guard lock(registration_mutex());
  register_layer_operator(kBfloat16Linear);
  register_layer_operator(kBfloat16Pointwise);
  if (is_registered(kFloatSum)) return;
  torch::jit::registerOperator(torch::jit::Operator(
      kFloatSum + std::string("(Tensor self, Tensor other, Scalar alpha) -> Tensor"),
      [](torch::jit::Stack& stack) {
        const auto factor = torch::jit::pop(stack).toScalar();
        const auto right = torch::jit::pop(stack).toTensor();
        const auto left = torch::jit::pop(stack).toTensor();
        torch::jit::push(stack, float_sum(left, right, factor));
      },
      c10::AliasAnalysisKind::FROM_SCHEMA));
  torch::jit::registerOperator(torch::jit::Operator(
      kOneDtype + std::string("(Tensor[] tensors) -> Tensor[]"),
      [](torch::jit::Stack& stack) {
        torch::jit::push(stack, in_one_dtype(torch::jit::pop(stack).toTensorVector()));
      },
      c10::AliasAnalysisKind::CONSERVATIVE));  // what comes out may be what went in
}

/// LibTorch's own products and convolutions refuse a layer's bfloat16 beside float32.
inline void give_one_dtype(torch::jit::Node& product) {
  torch::jit::Graph& graph = *product.owningGraph();
  const torch::jit::WithInsertPoint before(&product);
  const auto alike = [&](torch::jit::Value* list) {
    return graph.insert(c10::Symbol::fromQualString(kOneDtype), {list});
  };
  if (product.kind() == c10::aten::einsum) {
    product.replaceInput(1, alike(product.input(1)));
    return;
  }
  std::vector<std::size_t> places;
  std::vector<torch::jit::Value*> tensors;
  for (std::size_t i = 0; i < product.inputs().size(); ++i) {
    if (!product.input(i)->type()->isSubtypeOf(*c10::TensorType::get())) continue;
    places.push_back(i);
    tensors.push_back(product.input(i));
  }
  torch::jit::Value* const list =
      graph.insertNode(graph.createList(c10::TensorType::get(), tensors))->output();
  const torch::jit::Node* const unpacked =
      graph.insertNode(graph.createListUnpack(alike(list), tensors.size()));
  for (std::size_t i = 0; i < places.size(); ++i)
    product.replaceInput(places[i], unpacked->output(i));
}

inline void exchange_sums_and_products(torch::jit::Block& block) {
  static const std::array products{
      c10::aten::matmul,  c10::aten::mm,           c10::aten::bmm,         c10::aten::addmm,
      c10::aten::baddbmm, c10::aten::einsum,       c10::aten::conv1d,      c10::aten::conv2d,
      c10::aten::conv3d,  c10::aten::_convolution, c10::aten::convolution,
  };
  for (auto node = block.nodes().begin(); node != block.nodes().end(); ++node) {
    for (torch::jit::Block* const inner : node->blocks()) exchange_sums_and_products(*inner);
    if (std::ranges::find(products, node->kind()) != products.end()) give_one_dtype(**node);
    if (!node->matches("aten::add(Tensor self, Tensor other, *, Scalar alpha) -> Tensor")) continue;
    replace_by(**node, kFloatSum, {node->input(0), node->input(1), node->input(2)});
    node.destroyCurrent();
  }
}

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

/// Rounds the weights of such layers in `block` where they are, those in float16 too, which then
/// are never widened: they are read as they are kept.
inline void narrow_weights(const torch::jit::Module& layer, const torch::jit::Block& block) {
  static const std::array narrow{c10::Symbol::fromQualString(kBfloat16Linear.name),
                                 c10::Symbol::fromQualString(kBfloat16Pointwise.name)};
  for (const torch::jit::Node* const node : block.nodes()) {
    for (const torch::jit::Block* const inner : node->blocks()) narrow_weights(layer, *inner);
    if (std::ranges::find(narrow, node->kind()) == narrow.end()) continue;
    const auto weight = attribute_of(layer, node->input(1));
    if (!weight || !weight->isTensor()) continue;
    at::Tensor matrix = weight->toTensor();
    const at::ScalarType stored = matrix.scalar_type();
    if (stored != at::kFloat && stored != at::kHalf) continue;
    matrix.set_data(matrix.to(at::kBFloat16));
  }
}

FREEINIT_INLINE void compute_in_bfloat16(torch::jit::Module& network) {
  register_bfloat16_operators();
  static_cast<void>(
      use_winograd(network, {.linear = &kBfloat16Linear, .pointwise = &kBfloat16Pointwise}));
  std::set<const torch::jit::Function*> seen;  // layers of a kind share their methods
  for (const torch::jit::Module& layer : network.modules()) {
    for (const torch::jit::Method& method : layer.get_methods()) {
      torch::jit::Block& block = *method.graph()->block();
      if (seen.insert(&method.function()).second) exchange_sums_and_products(block);
      narrow_weights(layer, block);
    }
  }
}

FREEINIT_INLINE bool has_bfloat16_products() {
  return kernels::has_bfloat16_attention();
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI

#endif
