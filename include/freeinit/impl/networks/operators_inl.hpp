#pragma once

#include <freeinit/core/text.hpp>
#include <freeinit/impl/networks/operator_uses_inl.hpp>
#include <freeinit/impl/networks/tensor_operators_inl.hpp>
#include <freeinit/networks/operators.hpp>

#include <algorithm>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Whether `word` stands in a list with blanks around each.
FREEINIT_INLINE bool is_listed(std::string_view list, std::string_view word) {
  const std::string entry = concat(' ', word, ' ');
  return word.find(' ') == word.npos && list.find(entry) != list.npos;
}

}  // namespace detail

FREEINIT_INLINE OperatorRule operator_rule(std::string_view name) {
  using namespace std::string_view_literals;
  if (detail::is_listed(detail::kForbiddenOperators, name)) return OperatorRule::forbidden;
  const std::size_t sign = std::min(name.find("::"), name.size());
  const std::string_view space = name.substr(0, sign);
  const std::string_view rest = name.substr(std::min(sign + 2, name.size()));
  const auto listed = [rest](std::string_view list) {
    const bool in_place = rest.size() > 1 && rest.ends_with('_') && !rest.ends_with("__");
    return detail::is_listed(list, rest) ||
           (in_place && detail::is_listed(list, rest.substr(0, rest.size() - 1)));
  };
  const std::string_view list = space == "aten"sv   ? detail::kTensorOperators
                                : space == "prim"sv ? detail::kCodeOperators
                                                    : ""sv;
  if (list.empty()) return OperatorRule::forbidden;
  return listed(list) ? OperatorRule::tensor : OperatorRule::by_name;
}

FREEINIT_INLINE std::map<std::string, std::size_t> torchscript_operators(
    const std::filesystem::path& file) {
  const std::string origin = "network " + quote(file.string());
  torch::jit::ExtraFilesMap none;
  std::map<std::string, std::size_t> counts;
  const auto network = detail::read_network(file, origin, at::kCPU, none);
  for (const auto& [name, use] : detail::operators_of(network)) counts[name] = use.count;
  return counts;
}

}  // namespace freeinit::inline FREEINIT_ABI
