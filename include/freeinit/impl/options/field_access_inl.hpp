#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/options/request_fields.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <functional>
#include <iterator>
#include <system_error>
#include <type_traits>
#include <utility>

// How the rows of the table read and write a request: from a FieldValue to the member's type.
namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE std::string_view expected_of(FieldKind kind) {
  switch (kind) {
    case FieldKind::flag:
      return "true or false";
    case FieldKind::integer:
    case FieldKind::unsigned_integer:
      return "a whole number";
    case FieldKind::number:
      return "a finite number";
    case FieldKind::text:
      return "text";
    case FieldKind::numbers:
      return "finite numbers";
    case FieldKind::texts:
      return "texts";
  }
  return "";
}

[[noreturn]] FREEINIT_INLINE void refuse_field(const RequestField& field, std::string_view value,
                                               std::string_view expected) {
  raise(ErrorCode::invalid_argument,
        concat(field.name, " ", quote(value), ": expected ", expected));
}

/// Refuses a value of another kind, or a number that its type does not hold: the message names the
/// range.
[[noreturn]] FREEINIT_INLINE void refuse_field(const RequestField& field, std::string_view value) {
  const std::string_view kind = expected_of(field.kind);
  const bool said = field.limits.empty() || kind.find(field.limits) != kind.npos;
  refuse_field(field, value, said ? std::string(kind) : concat(kind, ", ", field.limits));
}

template <class T>
inline constexpr bool kIsInteger =
    std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t>;

FREEINIT_INLINE bool is_finite(const auto& value) {
  using Value = std::remove_cvref_t<decltype(value)>;
  if constexpr (std::is_same_v<Value, double>) return std::isfinite(value);
  if constexpr (std::is_same_v<Value, std::vector<double>>) {
    return std::all_of(value.begin(), value.end(), [](double x) { return std::isfinite(x); });
  }
  return true;
}

/// `value` as a Plain, one of the alternatives of FieldValue; nothing if it does not fit.
template <class Plain>
[[nodiscard]] std::optional<Plain> value_as(const FieldValue& value) {
  const auto convert = [](const auto& given) -> std::optional<Plain> {
    using Given = std::remove_cvref_t<decltype(given)>;
    if constexpr (std::is_same_v<Given, Plain>) {
      if (is_finite(given)) return given;
    } else if constexpr (kIsInteger<Given> && kIsInteger<Plain>) {
      if (std::in_range<Plain>(given)) return static_cast<Plain>(given);
    } else if constexpr (std::is_same_v<Given, double> && kIsInteger<Plain>) {
      // 64.0 of a JSON writer that knows one kind of number; beyond 2^53 it may be another's.
      if (std::trunc(given) == given && std::abs(given) < 0x1p53) {
        return value_as<Plain>(static_cast<std::int64_t>(given));
      }
    } else if constexpr (kIsInteger<Given> && std::is_same_v<Plain, double>) {
      return static_cast<Plain>(given);
    }
    return std::nullopt;
  };
  return std::visit(convert, value);
}

/// The parts between separators, empty ones too.
[[nodiscard]] FREEINIT_INLINE std::vector<std::string_view> parts_of(std::string_view text,
                                                                     char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t end; (end = text.find(separator)) != text.npos; text.remove_prefix(end + 1)) {
    parts.push_back(text.substr(0, end));
  }
  parts.push_back(text);
  return parts;
}

/// The whole of `text` as a number; nothing if it is none.
template <class Number>
[[nodiscard]] std::optional<FieldValue> number_from_text(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

[[nodiscard]] FREEINIT_INLINE std::optional<FieldValue> numbers_from_text(std::string_view text) {
  std::vector<double> numbers;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const auto number = number_from_text<double>(text.substr(0, end));
    if (!number) return std::nullopt;
    numbers.push_back(std::get<double>(*number));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return numbers;
}

[[nodiscard]] FREEINIT_INLINE std::optional<FieldValue> value_from_text(FieldKind kind,
                                                                        std::string_view text) {
  switch (kind) {
    case FieldKind::flag:
      if (text != "true" && text != "false") return std::nullopt;
      return text == "true";
    case FieldKind::integer:
      return number_from_text<std::int64_t>(text);
    case FieldKind::unsigned_integer:
      return number_from_text<std::uint64_t>(text);
    case FieldKind::number:
      return number_from_text<double>(text);
    case FieldKind::text:
      return std::string(text);
    case FieldKind::numbers:
      return numbers_from_text(text);
    case FieldKind::texts: {
      std::vector<std::string> lines;
      for (const std::string_view line : parts_of(text, '\n')) lines.emplace_back(line);
      return lines;
    }
  }
  return std::nullopt;
}

/// The row with how to read and write it: `get` gives a value or an optional one, `set` takes it.
template <class Get, class Set>
[[nodiscard]] RequestField with_access(RequestField row, Get get, Set set) {
  using Value = std::invoke_result_t<Get, const GenerationRequest&>;
  using Plain = typename decltype(std::optional(std::declval<Value>()))::value_type;
  row.kind = static_cast<FieldKind>(FieldValue(Plain{}).index());
  row.get = [get](const GenerationRequest& request) -> std::optional<FieldValue> {
    const std::optional<Plain> value = get(request);
    if (!value) return std::nullopt;
    return *value;
  };
  row.set = [set, shown = row](GenerationRequest& request, const FieldValue& value) {
    const std::optional<Plain> plain = value_as<Plain>(value);
    if (!plain) refuse_field(shown, field_text(value));
    set(request, *plain);
  };
  return row;
}

/// Makes rows under one heading of members of `owner`, a part of the request: of a pointer to the
/// member or what gives a reference to it, and for an enumeration its from_string.
template <class Owner>
[[nodiscard]] auto rows_under(std::vector<RequestField>& fields, std::string_view group,
                              Owner owner) {
  return [&fields, group, owner](RequestField row, auto member, auto... from_string) {
    const auto reference = [ owner, member ](auto& request) -> auto& {
      return std::invoke(member, std::invoke(owner, request));
    };
    const auto get = [reference](const GenerationRequest& request) {
      if constexpr (sizeof...(from_string) == 0) return reference(request);
      if constexpr (sizeof...(from_string) == 1) return std::string(to_string(reference(request)));
    };
    const auto set = [reference, from_string...](GenerationRequest& request, const auto& plain) {
      if constexpr (sizeof...(from_string) == 0) reference(request) = plain;
      if constexpr (sizeof...(from_string) == 1) reference(request) = (from_string(plain), ...);
    };
    row.group = group;
    fields.push_back(with_access(std::move(row), get, set));
  };
}

}  // namespace detail

FREEINIT_INLINE FieldValue field_from_text(const RequestField& field, std::string_view text) {
  if (const auto value = detail::value_from_text(field.kind, text)) return *value;
  detail::refuse_field(field, text);
}

FREEINIT_INLINE std::string field_text(const FieldValue& value) {
  const auto text_of = [](const auto& plain) -> std::string {
    using Plain = std::remove_cvref_t<decltype(plain)>;
    if constexpr (std::is_same_v<Plain, bool>) {
      return plain ? "true" : "false";
    } else if constexpr (std::is_same_v<Plain, std::string>) {
      return plain;
    } else if constexpr (std::is_same_v<Plain, std::vector<double>>) {
      std::string text;
      for (const double number : plain) {
        text.append(text.empty() ? "" : " ").append(field_text(number));
      }
      return text;
    } else if constexpr (std::is_same_v<Plain, std::vector<std::string>>) {
      std::string text;
      for (const std::string& line : plain) text.append(text.empty() ? "" : "\n").append(line);
      return text;
    } else {
      char digits[32];
      return {digits, std::to_chars(std::begin(digits), std::end(digits), plain).ptr};
    }
  };
  return std::visit(text_of, value);
}

}  // namespace freeinit::inline FREEINIT_ABI
