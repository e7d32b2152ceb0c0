#include "config_file.hpp"

#include <freeinit/core/error.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>
#include <string_view>

namespace freeinit_cli {
namespace {

/// One line of the file, read from left to right.
class TomlLine {
 public:
  TomlLine(std::string_view text, std::string place) : rest_(text), place_(std::move(place)) {}

  [[noreturn]] void fail(const std::string& what) const {
    freeinit::raise(freeinit::ErrorCode::invalid_file, place_ + ": " + what);
  }

  bool at_end() {
    skip_space();
    return rest_.empty() || rest_.front() == '#';
  }

  bool take(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string key() {
    skip_space();
    const std::string name = word();
    if (name.empty()) fail("expected 'key = value', a comment or a [section]");
    return name;
  }

  std::string value() {
    skip_space();
    if (take('"')) return basic_string();
    if (take('\'')) return literal_string();
    std::string text = word();
    const bool boolean = text == "true" || text == "false";
    const bool number =
        !text.empty() && std::string_view("+-.0123456789").find(text[0]) != std::string_view::npos;
    if (!boolean && !number && text != "nan" && text != "inf") {
      fail("expected a value: \"text\" in quotes, a number, true or false");
    }
    std::erase(text, '_');  // TOML allows 1_000
    return text;
  }

 private:
  void skip_space() {
    const auto start = rest_.find_first_not_of(" \t\r");
    rest_.remove_prefix(start == std::string_view::npos ? rest_.size() : start);
  }

  std::string word() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), [](unsigned char c) {
      return std::isalnum(c) || c == '_' || c == '-' || c == '+' || c == '.';
    });
    const std::string text(rest_.begin(), end);
    rest_.remove_prefix(text.size());
    return text;
  }

  std::string literal_string() {
    const auto end = rest_.find('\'');
    if (end == std::string_view::npos) fail("a string without its closing quote");
    const std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }

  std::string basic_string() {
    std::string text;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return text;
      text += c == '\\' ? escaped() : c;
    }
    fail("a string without its closing quote");
  }

  char escaped() {
    if (rest_.empty()) fail("a string without its closing quote");
    const char c = rest_.front();
    rest_.remove_prefix(1);
    switch (c) {
      case '"':
      case '\\':
        return c;
      case 'n':
        return '\n';
      case 't':
        return '\t';
      default:
        fail(std::string("unknown escape '\\") + c + "' in a string");
    }
  }

  std::string_view rest_;
  std::string place_;
};

CLI::ConfigItem key_and_value(TomlLine& line) {
  CLI::ConfigItem item;
  item.name = line.key();
  std::replace(item.name.begin(), item.name.end(), '_', '-');
  if (!line.take('=')) line.fail("key '" + item.name + "' has no '='");
  item.inputs = {line.value()};
  if (!line.at_end()) line.fail("something follows the value of '" + item.name + "'");
  return item;
}

void check_section(TomlLine& line, const std::string& section) {
  const std::string name = line.key();
  if (name != section) line.fail("unknown section [" + name + "]; expected [" + section + "]");
  if (!line.take(']') || !line.at_end()) line.fail("expected [" + section + "]");
}

CLI::Option* find_option(CLI::App& command, std::string name) {
  if (auto* option = command.get_option_no_throw("--" + name)) return option;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return command.get_option_no_throw(name);  // a positional, PROMPT
}

}  // namespace

std::vector<CLI::ConfigItem> read_config_file(const std::filesystem::path& path,
                                              const std::string& section) {
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path)) {
    freeinit::raise(freeinit::ErrorCode::not_found,
                    "config file '" + path.string() + "': not there or not readable");
  }
  std::vector<CLI::ConfigItem> items;
  std::set<std::string> seen;
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    TomlLine line(text, "config file '" + path.string() + "' line " + std::to_string(number));
    if (line.at_end()) continue;
    if (line.take('[')) {
      check_section(line, section);
      continue;
    }
    items.push_back(key_and_value(line));
    if (!seen.insert(items.back().name).second) {
      line.fail("key '" + items.back().name + "' is there twice");
    }
  }
  return items;
}

void apply_config_file(CLI::App& command, const std::filesystem::path& path) {
  for (const auto& item : read_config_file(path, command.get_name())) {
    CLI::Option* option = find_option(command, item.name);
    if (option == nullptr || !option->get_configurable()) {
      freeinit::raise(freeinit::ErrorCode::invalid_argument,
                      "config file '" + path.string() + "': key '" + item.name +
                          "' is no option of 'freeinit " + command.get_name() + "'");
    }
    if (!option->empty()) continue;  // the command line has the last word
    option->add_result(option->get_expected_min() == 0
                           ? option->get_flag_value(item.name, item.inputs.front())
                           : item.inputs.front());
    option->run_callback();
  }
}

}  // namespace freeinit_cli
