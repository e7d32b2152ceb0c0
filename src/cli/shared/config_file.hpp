#pragma once

#include <filesystem>
#include <span>
#include <string_view>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// Sets every option of `command` that the file names and the command line does not. The file is
/// TOML, or one JSON object as `--json` prints it: null is not set, and keys of `results` are
/// passed over. Keys are the long option names without dashes in front, '_' as good as '-'; a flag
/// takes true or false; in TOML a section named like the command may stand above the keys. CLI11's
/// own reader knows only the main command, lets malformed lines pass and cuts a string at a '#'
/// inside it, so toml++ reads the file. Throws freeinit::Error (not_found, invalid_file with the
/// line, invalid_argument for a key that is no option), and CLI::Error for a value that does not
/// fit its option.
void apply_config_file(CLI::App& command, const std::filesystem::path& path,
                       std::span<const std::string_view> results);

}  // namespace freeinit_cli
