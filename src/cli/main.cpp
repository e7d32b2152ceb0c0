#include "shared/command.hpp"
#include "shared/error_report.hpp"
#include "shared/option_group.hpp"
#include "shared/typing_help.hpp"

#include <freeinit/core/config.hpp>
#include <freeinit/core/error.hpp>

#include <CLI/CLI.hpp>

#include <cstddef>
#include <string>

extern "C" {
#include <libavutil/log.h>
}

namespace freeinit_cli {
namespace {

constexpr const char* kFooter = R"(
Examples:
  freeinit generate "a red circle moving right" -o circle.mp4
  freeinit filter --shape 16 64 64 --filter gaussian -o mask.png
  freeinit inspect path/to/bundle

'freeinit COMMAND --help' lists the options of a command. Exit codes: 0 success, 2 bad option or
setting, 3 not found, 4 damaged or foreign file, 5 not supported here, 6 reading or writing failed,
7 a network failed, 8 some jobs of a batch failed, 9 a replay differs, 130, 143 or 129 stopped by
SIGINT (Ctrl-C), SIGTERM or SIGHUP, 1 anything else.)";

/// Lets no flag have a value (`--overwrite=no`): CLI11 takes a number for a count, and throws what
/// is no error of its own for other texts.
void refuse_values_of_flags(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands({})) {
    for (CLI::Option* option : command->get_options()) {
      if (option->get_expected_max() == 0) option->disable_flag_override();
    }
  }
}

int run(int argc, char** argv) {
  // What FFmpeg has to say reaches the user as one error of ours.
  av_log_set_level(AV_LOG_QUIET);
  Console console;
  Action selected;
  CLI::App app("Text-to-video with FreeInit (arXiv 2312.07537) on LibTorch.", "freeinit");
  app.set_version_flag("--version", "freeinit " FREEINIT_VERSION);
  app.footer(kFooter);
  try {
    add_generate(app, selected);
    add_batch(app, selected);
    add_decode(app, selected);
    add_filter(app, selected);
    add_reinit(app, selected);
    add_analyze(app, selected);
    add_score(app, selected);
    add_tokenize(app, selected);
    add_inspect(app, selected);
    add_replay(app, selected);
    refuse_values_of_flags(app);
    for (CLI::App* command : app.get_subcommands({})) refuse_empty_names(*command);
    app.parse(argc, argv);
    if (!selected) {
      freeinit::raise(freeinit::ErrorCode::invalid_argument,
                      "no command given; expected generate, batch, decode, filter, reinit, "
                      "analyze, score, tokenize, inspect or replay");
    }
    selected(console);
    return 0;
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ExtrasError&) {
    console.error(unexpected_arguments(app));
    return static_cast<int>(freeinit::ErrorCode::invalid_argument);
  } catch (...) {
    return report_current_exception(console);
  }
}

}  // namespace
}  // namespace freeinit_cli

int main(int argc, char** argv) {
  return freeinit_cli::run(argc, argv);
}
