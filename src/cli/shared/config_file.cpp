#include "shared/config_file.hpp"

#include <freeinit/core/error.hpp>

#include <toml++/toml.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace freeinit_cli {
namespace {

/// One key of the file, spelt like its option, with the values as they would be typed.
struct Setting {
  std::string key;
  std::vector<std::string> values;
  bool is_array = false;
  unsigned line = 0;
};

/// A file that is being read: its name stands in every message.
class ConfigReader {
 public:
  ConfigReader(const std::filesystem::path& path, std::string section)
      : name_("config file '" + path.string() + "'"), section_(std::move(section)) {
    std::ifstream file(path);
    if (!file || std::filesystem::is_directory(path)) {
      freeinit::raise(freeinit::ErrorCode::not_found, name_ + ": not there or not readable");
    }
    try {
      table_ = toml::parse(file, path.string());
    } catch (const toml::parse_error& error) {
      fail(error.source(), std::string(error.description()));
    }
  }

  [[nodiscard]] std::vector<Setting> settings() {
    for (const auto& [key, node] : table_) {
      if (!node.is_table()) {
        add(key, node);
      } else if (key.str() == section_) {
        for (const auto& [inner_key, inner] : *node.as_table()) add(inner_key, inner);
      } else {
        fail(key.source(), "unknown section [" + std::string(key.str()) + "]; expected [" +
                               section_ + "] or none");
      }
    }
    return std::move(settings_);
  }

 private:
  [[noreturn]] void fail(const toml::source_region& place, const std::string& what) const {
    freeinit::raise(freeinit::ErrorCode::invalid_file,
                    name_ + " line " + std::to_string(place.begin.line) + ": " + what);
  }

  void add(const toml::key& key, const toml::node& node) {
    std::string name(key.str());
    std::replace(name.begin(), name.end(), '_', '-');
    if (!seen_.insert(name).second) fail(key.source(), "key '" + name + "' is there twice");
    settings_.push_back({name, texts_of(name, node), node.is_array(), node.source().begin.line});
  }

  /// The elements of an array, for options that take several values.
  [[nodiscard]] std::vector<std::string> texts_of(const std::string& key,
                                                  const toml::node& node) const {
    const auto* array = node.as_array();
    if (array == nullptr) return {text_of(key, node)};
    std::vector<std::string> texts;
    for (const auto& element : *array) texts.push_back(text_of(key, element));
    return texts;
  }

  [[nodiscard]] std::string text_of(const std::string& key, const toml::node& node) const {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    if (const auto* number = node.as_floating_point()) {
      char digits[32];
      return {digits, std::to_chars(std::begin(digits), std::end(digits), number->get()).ptr};
    }
    fail(node.source(), "the value of '" + key + "' is no text, number, true or false");
  }

  std::string name_;
  std::string section_;
  toml::table table_;
  std::vector<Setting> settings_;
  std::set<std::string> seen_;
};

CLI::Option* find_option(CLI::App& command, std::string name) {
  if (auto* option = command.get_option_no_throw("--" + name)) return option;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return command.get_option_no_throw(name);  // a positional, PROMPT
}

/// An option of one value wants no array; one of several wants as many as it has.
void check_count(const CLI::Option& option, const std::string& key, std::size_t count,
                 bool is_array, const std::filesystem::path& path, unsigned line) {
  const auto wanted = static_cast<std::size_t>(std::max(1, option.get_expected_min()));
  if (count == wanted && is_array == (wanted > 1)) return;
  freeinit::raise(freeinit::ErrorCode::invalid_file,
                  "config file '" + path.string() + "' line " + std::to_string(line) + ": '" + key +
                      "' takes " +
                      (wanted == 1 ? "one value" : "an array of " + std::to_string(wanted)));
}

}  // namespace

void apply_config_file(CLI::App& command, const std::filesystem::path& path) {
  for (const auto& [key, values, is_array, line] :
       ConfigReader(path, command.get_name()).settings()) {
    CLI::Option* option = find_option(command, key);
    if (option == nullptr || !option->get_configurable()) {
      freeinit::raise(freeinit::ErrorCode::invalid_argument,
                      "config file '" + path.string() + "': key '" + key +
                          "' is no option of 'freeinit " + command.get_name() + "'");
    }
    if (!option->empty()) continue;  // the command line has the last word
    check_count(*option, key, values.size(), is_array, path, line);
    const bool is_flag = option->get_expected_min() == 0;
    if (is_flag) option->add_result(option->get_flag_value(key, values.front()));
    if (!is_flag) option->add_result(values);
    option->run_callback();
  }
}

}  // namespace freeinit_cli
