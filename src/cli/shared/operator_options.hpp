#pragma once

#include <CLI/CLI.hpp>

#include <set>
#include <string>
#include <vector>

namespace freeinit_cli {

/// --allow-operators: of networks that are loaded.
inline CLI::Option* add_allow_operators(CLI::App& command, std::set<std::string>& names) {
  return command
      .add_option_function<std::vector<std::string>>(
          "--allow-operators",
          [&names](const std::vector<std::string>& given) {
            names.insert(given.begin(), given.end());
          },
          "Let networks use these operators, too (aten::digamma,...), if you trust the file; what "
          "is used: inspect --code")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME,...");
}

}  // namespace freeinit_cli
