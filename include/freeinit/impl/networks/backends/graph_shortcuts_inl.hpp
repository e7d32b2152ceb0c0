#pragma once

// What a TorchScript network on a CPU need not compute: images that are doubled to be convolved and
// for nothing else, and quotients by one, the scales of diffusers' layers that no model sets.

#include <freeinit/impl/networks/backends/graph_edits_inl.hpp>
#include <freeinit/impl/networks/backends/winograd_conv_inl.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>
#include <torch/csrc/jit/api/function_impl.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr const char* kWinogradConvolution = "freeinit::winograd_conv2d";
inline constexpr const char* kUpsampledConvolution = "freeinit::winograd_upsampled_conv2d";
inline constexpr const char* kOverOne = "freeinit::over_one";

/// `input` over the number 1: itself where the quotient is of the same type and lies in memory as
/// it does. Files say of no value which type it has.
inline at::Tensor over_one(const at::Tensor& input, const at::Tensor& one) {
  const bool stays =
      input.is_floating_point() && input.dim() > 0 && input.is_non_overlapping_and_dense();
  return stays ? input : input.div(one);
}

inline void register_upsampled_convolution() {
  if (is_registered(kUpsampledConvolution)) return;
  torch::jit::registerOperator(torch::jit::Operator(
      kUpsampledConvolution +
          std::string("(Tensor input, int[]? size, Tensor weight, Tensor? bias) -> Tensor"),
      [](torch::jit::Stack& stack) {
        RECORD_FUNCTION(kUpsampledConvolution, {});
        const auto bias = torch::jit::pop(stack).toOptional<at::Tensor>();
        const auto weight = torch::jit::pop(stack).toTensor();
        const auto size = torch::jit::pop(stack).toOptional<std::vector<std::int64_t>>();
        const auto input = torch::jit::pop(stack).toTensor();
        const at::OptionalIntArrayRef sizes = size ? at::OptionalIntArrayRef(*size) : std::nullopt;
        torch::jit::push(stack, winograd_upsampled_conv2d(input.to(at::kFloat), sizes, weight,
                                                          bias.value_or(at::Tensor())));
      },
      c10::AliasAnalysisKind::FROM_SCHEMA));
}

inline void register_over_one() {
  if (is_registered(kOverOne)) return;
  torch::jit::registerOperator(torch::jit::Operator(
      kOverOne + std::string("(Tensor(a) input, Tensor one) -> Tensor(a)"),
      [](torch::jit::Stack& stack) {
        const auto one = torch::jit::pop(stack).toTensor();
        const auto input = torch::jit::pop(stack).toTensor();
        torch::jit::push(stack, over_one(input, one));
      },
      c10::AliasAnalysisKind::FROM_SCHEMA));
}

/// Whether a node may write into a tensor that is there. A method that it calls is asked by itself.
inline bool writes(const torch::jit::Node* node) {
  const c10::FunctionSchema* const schema = node->maybeSchema();
  const auto any_writes = [](const torch::jit::Block* inner) {
    return std::ranges::any_of(inner->nodes(), writes);
  };
  return (schema != nullptr && schema->is_mutable()) ||
         node->kind() == c10::prim::CallFunction ||  // is of no layer, so nobody asks it
         std::ranges::any_of(node->blocks(), any_writes);
}

/// The size that a node resizes to by nearest neighbours, None where it doubles without naming one;
/// null if that is not what it does.
inline torch::jit::Value* nearest_size(torch::jit::Node& node) {
  if (node.kind() != c10::aten::upsample_nearest2d) return nullptr;
  // Tracing takes the overload with a list of two scales; a file that leaves it out is read as the
  // one with two numbers.
  const auto scales = node.inputs().slice(2);
  const bool has_scales =
      !std::ranges::all_of(scales, [](const auto* scale) { return scale->mustBeNone(); });
  torch::jit::Value* const size = node.input(1);
  if (!size->mustBeNone()) return has_scales ? nullptr : size;
  return has_scales && scales.size() == 1 && is_list(scales[0], {2.0, 2.0}) ? size : nullptr;
}

/// What a call of a method runs; null if a node is none.
inline torch::jit::GraphFunction* called_method(const torch::jit::Node& node) {
  if (node.kind() != c10::prim::CallMethod) return nullptr;
  const auto layer = node.input(0)->type()->cast<c10::ClassType>();
  return layer ? torch::jit::tryToGraphFunction(layer->getMethod(node.s(c10::attr::name)))
               : nullptr;
}

/// Whether Winograd's convolution reads a value, here or in the method that is called with it, and
/// nothing else does; and whether nothing is written from the node `next` on until then, so that
/// what the value is made of can be read there instead.
inline bool is_only_convolved(const torch::jit::Value& value, const torch::jit::Node* next) {
  if (value.uses().size() != 1) return false;
  const torch::jit::Use use = value.uses()[0];
  for (; next != use.user; next = next->next()) {
    const bool is_simple = next->blocks().empty() && next->kind() != c10::prim::CallMethod;
    if (next->kind() == c10::prim::Return || !is_simple || writes(next)) return false;
  }
  if (torch::jit::GraphFunction* const method = called_method(*use.user)) {
    const torch::jit::Graph& graph = *method->graph();
    return is_only_convolved(*graph.inputs()[use.offset], *graph.nodes().begin());
  }
  return use.user->kind() == c10::Symbol::fromQualString(kWinogradConvolution) && use.offset == 0;
}

/// The convolution that reads such a value, out of the methods that are called for it.
inline torch::jit::Node& bring_convolution(torch::jit::Value& value) {
  for (;;) {
    torch::jit::Node* const user = value.uses()[0].user;
    torch::jit::GraphFunction* const method = called_method(*user);
    if (method == nullptr) return *user;
    torch::jit::inlineCallTo(user, method, method->graph().get());
  }
}

/// Whether a value is the number 1, as tracing writes it: a tensor without dimensions.
inline bool is_one(const torch::jit::Value* value) {
  const auto constant = torch::jit::toIValue(value);
  if (!constant || !constant->isTensor()) return false;
  const at::Tensor& number = constant->toTensor();
  return number.defined() && number.dim() == 0 && !number.is_complex() &&
         number.item<double>() == 1.0;
}

inline bool is_over_one(const torch::jit::Node& node) {
  return node.kind() == c10::aten::div && node.inputs().size() == 2 && is_one(node.input(1));
}

/// `may_share`: whether one tensor can be another's too, since nothing is written into any.
inline void shorten(torch::jit::Block& block, bool may_share) {
  for (auto node = block.nodes().begin(); node != block.nodes().end(); ++node) {
    for (torch::jit::Block* const inner : node->blocks()) shorten(*inner, may_share);
    torch::jit::Value* const size = nearest_size(**node);
    if (size != nullptr && is_only_convolved(*node->output(), node->next())) {
      torch::jit::Node& convolution = bring_convolution(*node->output());
      replace_by(convolution, kUpsampledConvolution,
                 {node->input(0), size, convolution.input(1), convolution.input(2)});
      convolution.destroy();
      node.destroyCurrent();
    } else if (may_share && is_over_one(**node)) {
      replace_by(**node, kOverOne, {node->input(0), node->input(1)});
      node.destroyCurrent();
    }
  }
}

/// Leaves out what need not be computed, in a network whose convolutions are Winograd's already.
inline void take_shortcuts(const std::vector<torch::jit::Block*>& methods) {
  const bool may_share = std::ranges::none_of(methods, [](const torch::jit::Block* block) {
    return std::ranges::any_of(block->nodes(), writes);
  });
  for (torch::jit::Block* const block : methods) shorten(*block, may_share);
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
