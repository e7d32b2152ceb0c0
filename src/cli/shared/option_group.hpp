#pragma once

#include <freeinit/core/text.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace freeinit_cli {

/// Number of an option's value: a number, an optional one or a list.
template <class Value>
struct NumberOf {
  using Type = Value;
};
template <class Value>
requires requires {
  typename Value::value_type;
}
struct NumberOf<Value> {
  using Type = typename Value::value_type;
};

/// An option of numbers from `least` to `most`. CLI11 2.1 alone cuts what does not fit the type to
/// its range, and reads "-1" as 2^64 - 1.
template <class Value, class Number = typename NumberOf<Value>::Type>
CLI::Option* add_number(CLI::App& command, const std::string& names, Value& value,
                        const std::string& help, std::type_identity_t<Number> least,
                        std::type_identity_t<Number> most) {
  const std::string range = freeinit::concat(least, " to ", most);
  const auto problem = [=](std::string& text) {
    Number number{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const bool fits = error == std::errc{} && stop == end && number >= least && number <= most;
    const char* kind = std::is_integral_v<Number> ? "a whole number" : "a number";
    return fits ? std::string()
                : freeinit::concat(freeinit::quote(text), ": expected ", kind, " from ", range);
  };
  return command.add_option(names, value, help + " (" + range + ")")
      ->check(CLI::Validator(problem, ""))
      ->type_name(std::is_integral_v<Number> ? "N" : "X");
}

/// Lets no file or folder of `command` have an empty name, which would count as not given: a shell
/// makes one of "$UNSET". Told by the type of an option in the help, FILE or DIR.
inline void refuse_empty_names(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    const std::string type = option->get_type_name();
    if (type != "FILE" && type != "DIR") continue;
    const std::string expected = type == "DIR" ? "a folder" : "a file";
    const auto problem = [=](std::string& name) {
      return name.empty() ? "is empty; expected " + expected : std::string();
    };
    option->check(CLI::Validator(problem, ""));
  }
}

/// More frames than any clip has.
inline constexpr std::int64_t kMostFrames = 1'000'000;

/// Options that stand under one heading of the help.
class OptionGroup {
 public:
  OptionGroup(CLI::App& command, std::string heading)
      : command_(command), heading_(std::move(heading)) {}

  /// An option that sets `value`. `type` stands behind its name in the help; empty: what CLI11
  /// says.
  template <class Value>
  CLI::Option* add(const std::string& names, Value& value, const std::string& help,
                   const std::string& type = {}) {
    CLI::Option* option = command_.add_option(names, value, help)->group(heading_);
    return type.empty() ? option : option->type_name(type);
  }

  template <class Value, class Number = typename NumberOf<Value>::Type>
  CLI::Option* add_number(const std::string& names, Value& value, const std::string& help,
                          std::type_identity_t<Number> least, std::type_identity_t<Number> most) {
    return freeinit_cli::add_number(command_, names, value, help, least, most)->group(heading_);
  }

  CLI::Option* add_flag(const std::string& name, bool& value, const std::string& help) {
    return command_.add_flag(name, value, help)->group(heading_);
  }

 private:
  CLI::App& command_;
  std::string heading_;
};

}  // namespace freeinit_cli
