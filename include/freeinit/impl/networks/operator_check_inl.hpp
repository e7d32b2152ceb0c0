#pragma once

// Looks at the code of a TorchScript network before any of it runs. `inline` in both modes: the
// units of several backends share it.

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/impl/networks/operator_uses_inl.hpp>
#include <freeinit/networks/operators.hpp>

#include <set>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Refuses a network with operators that it may not use. `origin` names its file. Throws Error:
/// unsupported.
inline void check_operators(const torch::jit::Module& network, const std::string& origin,
                            const std::set<std::string>& allowed) {
  for (const auto& [name, use] : operators_of(network)) {
    const OperatorRule rule = operator_rule(name);
    if (rule == OperatorRule::tensor) continue;
    if (rule == OperatorRule::by_name && allowed.contains(name)) continue;
    raise(ErrorCode::unsupported,
          concat(origin, ": ", quote(use.function), " uses the operator ", quote(name),
                 rule == OperatorRule::by_name
                     ? ", which is none of those for tensors; expected it among the allowed "
                       "operators, if you trust the file"
                     : ", which no network may use"));
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
