#pragma once

#include <CLI/ConfigFwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// Reads the flat TOML that `--config` takes: comments, `key = value` with strings, numbers and
/// booleans, and the optional section `[generate]`. CLI11's own reader lets malformed lines pass
/// and cuts a string at a '#' inside it, so this one is strict: every message names file and line.
/// Throws freeinit::Error: not_found, invalid_file.
[[nodiscard]] std::vector<CLI::ConfigItem> read_config_file(const std::filesystem::path& path,
                                                            const std::string& section);

/// Sets every option of `command` that the file names and the command line does not. Keys are the
/// long option names without dashes in front, '_' as good as '-'; a flag takes true or false.
/// Throws as above, and CLI::Error for a value that does not fit its option.
void apply_config_file(CLI::App& command, const std::filesystem::path& path);

}  // namespace freeinit_cli
