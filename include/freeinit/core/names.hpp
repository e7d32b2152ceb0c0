#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {

/// Names of an enumeration's values, as configuration files and the command line spell them. Every
/// enumeration with names has one, a `to_string` and an `x_from_string` over it.
template <class Value, std::size_t N>
using NameTable = std::array<std::pair<std::string_view, Value>, N>;

/// The names of a table for a message, "a, b, c".
template <class Value, std::size_t N>
[[nodiscard]] std::string listed_names(const NameTable<Value, N>& table) {
  std::string names;
  for (const auto& [name, value] : table) names.append(names.empty() ? "" : ", ").append(name);
  return names;
}

/// The value called `name`, or nothing.
template <class Value, std::size_t N>
[[nodiscard]] constexpr std::optional<Value> find_value(std::string_view name,
                                                        const NameTable<Value, N>& table) noexcept {
  for (const auto& [entry, value] : table) {
    if (entry == name) return value;
  }
  return std::nullopt;
}

/// The value called `name`; `kind` says in the error what was looked for. Throws Error:
/// invalid_argument with the names there are.
template <class Value, std::size_t N>
[[nodiscard]] Value value_from_name(std::string_view kind, std::string_view name,
                                    const NameTable<Value, N>& table) {
  if (const std::optional<Value> value = find_value(name, table)) return *value;
  raise(ErrorCode::invalid_argument,
        concat(kind, " ", quote(name), ": unknown; expected one of ", listed_names(table)));
}

/// The name of `value`; "unknown" for one outside the table.
template <class Value, std::size_t N>
[[nodiscard]] constexpr std::string_view name_of_value(Value value,
                                                       const NameTable<Value, N>& table) noexcept {
  for (const auto& [name, entry] : table) {
    if (entry == value) return name;
  }
  return "unknown";
}

}  // namespace freeinit::inline FREEINIT_ABI
