#pragma once

#include <freeinit/core/config.hpp>

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// What a network in TorchScript may do with an operator. SECURITY.md says why.
enum class OperatorRule {
  tensor,     ///< computes on tensors and numbers: every network may use it
  by_name,    ///< used where `BundleOptions::allow_operators` names it
  forbidden,  ///< reaches files, the network, other processes or the terminal, or is no operator of
              ///< LibTorch's own: never used
};

/// The rule for an operator like "aten::conv2d".
[[nodiscard]] FREEINIT_API OperatorRule operator_rule(std::string_view name);

/// The operators of a network in TorchScript and how often they stand in its code. Nothing of the
/// file is run: one that wants to be while it is read is refused. Throws Error: not_found,
/// invalid_file.
[[nodiscard]] FREEINIT_API std::map<std::string, std::size_t> torchscript_operators(
    const std::filesystem::path& file);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/operators_inl.hpp>
#endif
