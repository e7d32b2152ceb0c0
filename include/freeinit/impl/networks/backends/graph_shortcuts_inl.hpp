#pragma once

// What a TorchScript network on a CPU need not compute: images that are doubled to be convolved and
// for nothing else, and quotients by one, the scales of diffusers' layers that no model sets.

#include <freeinit/impl/networks/backends/graph_edits_inl.hpp>
#include <freeinit/impl/networks/backends/winograd_conv_inl.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

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
  const auto convolution = c10::Symbol::fromQualString(kWinogradConvolution);
  for (auto node = block.nodes().begin(); node != block.nodes().end(); ++node) {
    for (torch::jit::Block* const inner : node->blocks()) shorten(*inner, may_share);
    torch::jit::Value* const size = nearest_size(**node);
    if (size != nullptr && is_only_read_by(*node->output(), node->next(), convolution)) {
      torch::jit::Node& reader = bring_reader(*node->output());
      replace_by(reader, kUpsampledConvolution,
                 {node->input(0), size, reader.input(1), reader.input(2)});
      reader.destroy();
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
