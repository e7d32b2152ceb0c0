#pragma once

#include <freeinit/core/error.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Names of an enumeration's values, as configuration files and the command line spell them.
template <class Value, std::size_t N>
using NameTable = std::array<std::pair<std::string_view, Value>, N>;

/// The value called `name`; `kind` says in the error what was looked for.
template <class Value, std::size_t N>
[[nodiscard]] Value value_from_name(std::string_view kind, std::string_view name,
                                    const NameTable<Value, N>& table) {
  std::string known;
  for (const auto& [entry, value] : table) {
    if (entry == name) return value;
    known.append(known.empty() ? "" : ", ").append(entry);
  }
  raise(ErrorCode::invalid_argument,
        std::string(kind) + " '" + std::string(name) + "': unknown; expected one of " + known);
}

template <class Value, std::size_t N>
[[nodiscard]] std::string_view name_of_value(Value value,
                                             const NameTable<Value, N>& table) noexcept {
  for (const auto& [name, entry] : table) {
    if (entry == value) return name;
  }
  return "unknown";
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
