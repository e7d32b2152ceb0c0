#pragma once

#include <string>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// "; did you mean '--seed'?" where options of `command` are near to `name`, are called so by other
/// programs or share its words, three at most; else nothing.
[[nodiscard]] std::string option_hint(const CLI::App& command, const std::string& name);

/// The same of a key of a file, "; did you mean 'num_iters'?".
[[nodiscard]] std::string key_hint(const CLI::App& command, const std::string& key);

/// What is wrong with the arguments that `app` and its command had no place for.
[[nodiscard]] std::string unexpected_arguments(const CLI::App& app);

}  // namespace freeinit_cli
