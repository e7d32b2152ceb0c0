#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"
#include "shared/config_file.hpp"

#include <freeinit/core/error.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <array>
#include <string>
#include <vector>

/// The bytes as a file of settings of a command with an option of each kind.
void fuzz::toml(const std::uint8_t* data, std::size_t size) {
  CLI::App command("fuzz", "generate");
  std::string text;
  double number = 0;
  bool flag = false;
  std::vector<int> pair;
  command.add_option("PROMPT", text);
  command.add_option("--eta", number);
  command.add_flag("--overwrite", flag);
  command.add_option("--pair", pair)->expected(2);
  constexpr std::array<std::string_view, 1> kResults{"seconds"};
  try {
    (void)freeinit_cli::apply_config_file(command, input_file(data, size, "config"), kResults);
  } catch (const freeinit::Error& error) {
    require(std::string(error.what()).size() < 1000, "messages are short");
  } catch (const CLI::Error&) {
  }
}
