#include "shared/config_file.hpp"

#include "shared/typing_help.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/text_file.hpp>

#include <toml++/toml.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace freeinit_cli {
namespace {

/// One key of the file, with the values as they would be typed.
struct Setting {
  std::string key;     ///< as it is written
  std::string option;  ///< spelt like its option
  std::vector<std::string> values;
  bool is_array = false;
  bool is_null = false;  ///< of JSON: as if it were not there
  unsigned line = 0;     ///< 0: not known
};

std::string option_of(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

std::string number_text(double number) {
  char digits[32];
  return {digits, std::to_chars(std::begin(digits), std::end(digits), number).ptr};
}

/// What the parser says, but for texts without an end and whole numbers that TOML cannot hold.
std::string complaint(std::string_view description) {
  const auto says = [description](const char* words) {
    return description.find(words) != description.npos;
  };
  if (says("parsing string") && (says("end-of-file") || says("control characters"))) {
    return "a text ends with its line, or holds a control character; expected a closing quotation "
           "mark";
  }
  const auto begin = description.find('\''), end = description.rfind('\'');
  if (!says("not representable") || begin == end) {
    return std::string(description);
  }
  return "whole number " + std::string(description.substr(begin, end + 1 - begin)) +
         ": expected -9223372036854775808 to 9223372036854775807; a larger one is written in "
         "quotes";
}

/// The most parts that a dotted key of a TOML text has, "a.b.c": the parser makes a table in a
/// table of each and recurses on them.
std::size_t longest_dotted_key(std::string_view text) {
  std::size_t most = 0;
  std::size_t parts = 0;
  char quote_mark = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote_mark != 0) {
      if (c == '\\' && quote_mark == '"') ++i;
      if (c == quote_mark) quote_mark = 0;
    } else if (c == '"' || c == '\'') {
      quote_mark = c;
    } else if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      parts = 0;
    } else if (std::string_view("=,[]{}\n").find(c) != std::string_view::npos) {
      parts = 0;
    } else if (c == '.') {
      most = std::max(most, ++parts);
    }
  }
  return most + 1;
}

/// A TOML text that is being read; `name` of its file stands in every message.
class TomlReader {
 public:
  TomlReader(const std::string& text, std::string name, std::string section)
      : name_(std::move(name)), section_(std::move(section)) {
    constexpr std::size_t kMostParts = 64;
    if (longest_dotted_key(text) > kMostParts) {
      freeinit::raise(freeinit::ErrorCode::invalid_file,
                      name_ + ": a key has more than 64 parts; expected a plain name");
    }
    try {
      table_ = toml::parse(text);
    } catch (const toml::parse_error& error) {
      fail(error.source(), freeinit::excerpt(complaint(error.description())));
    }
  }

  [[nodiscard]] std::vector<Setting> settings() {
    for (const auto& [key, node] : table_) {
      if (!node.is_table()) {
        add(key, node);
      } else if (key.str() == section_) {
        for (const auto& [inner_key, inner] : *node.as_table()) add(inner_key, inner);
      } else {
        fail(key.source(), "unknown section [" + freeinit::excerpt(key.str()) + "]; expected [" +
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
    const std::string name(key.str());
    const std::string option = option_of(name);
    if (!seen_.insert(option).second)
      fail(key.source(), "key " + freeinit::quote(name) + " is there twice");
    settings_.push_back({.key = name,
                         .option = option,
                         .values = texts_of(name, node),
                         .is_array = node.is_array(),
                         .line = node.source().begin.line});
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
    if (const auto* number = node.as_floating_point()) return number_text(number->get());
    fail(node.source(),
         "the value of " + freeinit::quote(key) + " is no text, number, true or false");
  }

  std::string name_;
  std::string section_;
  toml::table table_;
  std::vector<Setting> settings_;
  std::set<std::string> seen_;
};

std::string json_value_text(const nlohmann::ordered_json& value, const std::string& name,
                            const std::string& key) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return number_text(value.get<double>());
  if (value.is_boolean() || value.is_number()) return value.dump();
  freeinit::raise(
      freeinit::ErrorCode::invalid_file,
      name + ": the value of " + freeinit::quote(key) + " is no text, number, true or false");
}

/// A JSON object as `--json` prints it, without its results.
std::vector<Setting> json_settings(const nlohmann::ordered_json& json, const std::string& name,
                                   std::span<const std::string_view> results) {
  std::vector<Setting> settings;
  for (const auto& [key, value] : json.items()) {
    if (std::find(results.begin(), results.end(), key) != results.end()) continue;
    Setting setting{.key = key,
                    .option = option_of(key),
                    .values = {},
                    .is_array = value.is_array(),
                    .is_null = value.is_null()};
    if (setting.is_null) {
      settings.push_back(std::move(setting));
      continue;
    }
    for (const auto& element : value.is_array() ? value : nlohmann::ordered_json::array({value})) {
      setting.values.push_back(json_value_text(element, name, key));
    }
    settings.push_back(std::move(setting));
  }
  return settings;
}

CLI::Option* find_option(CLI::App& command, std::string name) {
  if (auto* option = command.get_option_no_throw("--" + name)) return option;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return command.get_option_no_throw(name);  // a positional, PROMPT
}

/// The text of a flag, under its own name or that which turns it off. Nothing else is a truth:
/// CLI11 would take a number for a count, and throw what is no error of its own for other texts.
std::string flag_text(const CLI::Option& flag, const Setting& setting, const std::string& place) {
  const std::string& value = setting.values.front();
  if (value != "true" && value != "false") {
    freeinit::raise(freeinit::ErrorCode::invalid_file,
                    place + ": " + freeinit::quote(setting.key) + " takes true or false");
  }
  const bool turns_off = flag.check_fname(setting.option);
  return (value == "true") != turns_off ? "true" : "false";
}

/// An option of one value wants no array, one of several wants as many as it has, and one that may
/// be repeated takes either.
void check_count(const CLI::Option& option, const std::string& key, std::size_t count,
                 bool is_array, const std::string& place) {
  const auto wanted = static_cast<std::size_t>(std::max(1, option.get_expected_min()));
  const bool repeats = wanted == 1 && option.get_expected_max() > 1;
  if (repeats && count > 0) return;
  if (count == wanted && is_array == (wanted > 1)) return;
  freeinit::raise(freeinit::ErrorCode::invalid_file,
                  place + ": " + freeinit::quote(key) + " takes " +
                      (wanted == 1 ? "one value" : "an array of " + std::to_string(wanted)));
}

void apply_settings(CLI::App& command, const std::vector<Setting>& settings,
                    const std::string& name) {
  for (const Setting& setting : settings) {
    const auto& [key, spelt, values, is_array, is_null, line] = setting;
    CLI::Option* option = find_option(command, spelt);
    if (option != nullptr && !option->get_configurable()) {
      freeinit::raise(freeinit::ErrorCode::invalid_argument,
                      name + ": key " + freeinit::quote(key) + ": only the command line sets it");
    }
    if (option == nullptr) {
      freeinit::raise(freeinit::ErrorCode::invalid_argument,
                      name + ": key " + freeinit::quote(key) + " is no option of 'freeinit " +
                          command.get_name() + "'" + key_hint(command, key));
    }
    if (is_null || !option->empty()) continue;  // the command line has the last word
    const std::string place = line > 0 ? name + " line " + std::to_string(line) : name;
    check_count(*option, key, values.size(), is_array, place);
    const bool is_flag = option->get_expected_max() == 0;
    if (is_flag) option->add_result(flag_text(*option, setting, place));
    if (!is_flag) option->add_result(values);
    option->run_callback();
  }
}

}  // namespace

nlohmann::ordered_json read_json_object(const std::string& text, const std::string& name) {
  freeinit::check_json_text(text, name);
  auto json = nlohmann::ordered_json::parse(text);
  if (!json.is_object()) {
    freeinit::raise(freeinit::ErrorCode::invalid_file, name + ": not a JSON object");
  }
  return json;
}

nlohmann::ordered_json apply_config_file(CLI::App& command, const std::filesystem::path& path,
                                         std::span<const std::string_view> results) {
  const std::string name = "config file " + freeinit::quote(path.string());
  const std::string text = freeinit::read_text_file(path, "config file");
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  nlohmann::ordered_json json;
  if (begin != text.npos && text[begin] == '{') {
    json = read_json_object(text, name);
    apply_json(command, json, name, results);
  } else {
    apply_settings(command, TomlReader(text, name, command.get_name()).settings(), name);
  }
  return json;
}

void apply_json(CLI::App& command, const nlohmann::ordered_json& object, const std::string& name,
                std::span<const std::string_view> results) {
  apply_settings(command, json_settings(object, name, results), name);
}

}  // namespace freeinit_cli
