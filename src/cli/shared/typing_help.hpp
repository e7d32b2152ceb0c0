#pragma once

#include <string>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// "; did you mean '--seed'?" where an option of `command` is near to `name`, else nothing.
[[nodiscard]] std::string option_hint(const CLI::App& command, const std::string& name);

/// What is wrong with the arguments that `app` and its command had no place for.
[[nodiscard]] std::string unexpected_arguments(const CLI::App& app);

}  // namespace freeinit_cli
