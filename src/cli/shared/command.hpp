#pragma once

// The subcommands. Each adds its options to the app and, when it was chosen, leaves what is to be
// done in `selected`; main runs it after parsing, so that parse errors and run errors are told
// apart.

#include "shared/console.hpp"

#include <functional>

namespace CLI {
class App;
}

namespace freeinit_cli {

using Action = std::function<void(Console&)>;

void add_generate(CLI::App& app, Action& selected);
void add_batch(CLI::App& app, Action& selected);
void add_decode(CLI::App& app, Action& selected);
void add_filter(CLI::App& app, Action& selected);
void add_reinit(CLI::App& app, Action& selected);
void add_tokenize(CLI::App& app, Action& selected);
void add_analyze(CLI::App& app, Action& selected);
void add_score(CLI::App& app, Action& selected);
void add_inspect(CLI::App& app, Action& selected);
void add_replay(CLI::App& app, Action& selected);

}  // namespace freeinit_cli
