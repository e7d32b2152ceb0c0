#pragma once

// What stands in the code of a TorchScript network, of which nothing has run. `inline` in both
// modes: the units of several backends share it. Apart from operator_check_inl.hpp, since the
// bodies of operators.hpp need it and that file needs operators.hpp.

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/mapped_weights_inl.hpp>
#include <freeinit/impl/networks/torchscript_archive_inl.hpp>

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// How often an operator stands in a network, and one of the places.
struct OperatorUse {
  std::size_t count = 0;
  std::string function;
};
using OperatorUses = std::map<std::string, OperatorUse>;

/// The name of what a node does: of a method of a class that is built into LibTorch the class.
inline std::string operator_name(const torch::jit::Node& node) {
  if (node.kind() == c10::prim::CallMethod || node.kind() == c10::prim::CreateObject) {
    const torch::jit::Value* object =
        node.kind() == c10::prim::CallMethod ? node.input(0) : node.output();
    const auto type = object->type()->cast<c10::ClassType>();
    const std::string name = type && type->name() ? type->name()->qualifiedName() : "";
    constexpr std::string_view kBuiltIn = "__torch__.torch.classes.";
    if (name.starts_with(kBuiltIn)) return "class::" + name.substr(kBuiltIn.size());
  }
  return node.kind().toQualString();
}

inline void add_operators(const torch::jit::Block& block, const std::string& function,
                          OperatorUses& uses) {
  for (const torch::jit::Node* node : block.nodes()) {
    OperatorUse& use = uses[operator_name(*node)];
    if (use.count++ == 0) use.function = function;
    for (const torch::jit::Block* inner : node->blocks()) add_operators(*inner, function, uses);
  }
}

/// The operators of all code that a network brought: its methods, those of its layers and classes,
/// and functions. Compiling one may bring others, hence the loop.
inline OperatorUses operators_of(const torch::jit::Module& network) {
  OperatorUses uses;
  std::set<const torch::jit::Function*> seen;
  const auto unit = network._ivalue()->compilation_unit();
  for (std::size_t before = std::size_t(-1); before != seen.size();) {
    before = seen.size();
    for (torch::jit::Function* function : unit->get_functions()) {
      if (!function->isGraphFunction() || !seen.insert(function).second) continue;
      function->ensure_defined();
      const auto graph = torch::jit::toGraphFunction(*function).graph();
      add_operators(*graph->block(), function->qualname().qualifiedName(), uses);
    }
  }
  return uses;
}

/// A network of which nothing has run yet. Throws Error: not_found, invalid_file, model (out of
/// memory).
inline torch::jit::Module read_network(const std::filesystem::path& file, const std::string& origin,
                                       at::Device device, torch::jit::ExtraFilesMap& extra) {
  check_archive(file, origin);
  try {
    if (is_mapped_on(device, std::filesystem::file_size(file))) {
      if (auto network = read_in_place(file, origin, extra)) return *std::move(network);
    }
    return torch::jit::load(file.string(), device, extra);
  } catch (...) {
    rethrow_as_error(ErrorCode::invalid_file, origin + ": not a readable TorchScript file");
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
