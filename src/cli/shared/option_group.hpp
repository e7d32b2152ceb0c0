#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <utility>

namespace freeinit_cli {

/// For unsigned options: CLI11 2.1 reads "-1" as 2^64 - 1.
inline std::string check_no_minus(const std::string& text) {
  return text.starts_with('-') ? "expected 0 or more, got " + text : std::string();
}

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

  CLI::Option* add_flag(const std::string& name, bool& value, const std::string& help) {
    return command_.add_flag(name, value, help)->group(heading_);
  }

 private:
  CLI::App& command_;
  std::string heading_;
};

}  // namespace freeinit_cli
