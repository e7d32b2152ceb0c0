#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// Sets every option of `command` that the file names and the command line does not. The file is
/// TOML, or one JSON object as `--json` prints it, which is returned: null is not set, and keys of
/// `results` are passed over. Keys are the long option names without dashes in front, '_' as good
/// as '-'; a flag takes true or false; in TOML a section named like the command may stand above the
/// keys. CLI11's own reader knows only the main command, lets malformed lines pass and cuts a
/// string at a '#' inside it, so toml++ reads the file. Throws freeinit::Error (not_found,
/// invalid_file with the line, invalid_argument for a key that is no option), and CLI::Error for a
/// value that does not fit its option.
nlohmann::ordered_json apply_config_file(CLI::App& command, const std::filesystem::path& path,
                                         std::span<const std::string_view> results);

/// The same of a JSON object; `name` opens the messages.
void apply_json(CLI::App& command, const nlohmann::ordered_json& object, const std::string& name,
                std::span<const std::string_view> results);

/// The JSON object of a text from outside. Throws freeinit::Error: invalid_file.
[[nodiscard]] nlohmann::ordered_json read_json_object(const std::string& text,
                                                      const std::string& name);

}  // namespace freeinit_cli
