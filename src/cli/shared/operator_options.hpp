#pragma once

#include "shared/error_report.hpp"

#include <freeinit/core/text.hpp>
#include <freeinit/networks/operators.hpp>

#include <CLI/CLI.hpp>

#include <set>
#include <string>
#include <vector>

namespace freeinit_cli {

/// --allow-operators: of networks that are loaded. Not for files of settings: those may come from
/// anybody.
inline CLI::Option* add_allow_operators(CLI::App& command, std::set<std::string>& names) {
  return command
      .add_option_function<std::vector<std::string>>(
          "--allow-operators",
          [&names](const std::vector<std::string>& given) {
            for (const std::string& name : given) {
              if (freeinit::operator_rule(name) == freeinit::OperatorRule::forbidden) {
                refuse("--allow-operators " + freeinit::quote(name) +
                       ": no operator that a network may use");
              }
              names.insert(name);
            }
          },
          "Let networks use these operators, too (aten::digamma,...), if you trust the file; what "
          "is used: inspect --code")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME,...")
      ->configurable(false);
}

}  // namespace freeinit_cli
