#include "shared/typing_help.hpp"

#include <freeinit/core/name_help.hpp>
#include <freeinit/core/text.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <set>
#include <vector>

namespace freeinit_cli {
namespace {

using Names = std::set<std::string>;

/// The long names of the options; of a flag that may be switched off, not the name for that.
Names option_names(const CLI::App& command) {
  Names known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (!name.starts_with("no-") || !option->check_lname(name.substr(3))) known.insert(name);
    }
  }
  return known;
}

std::string unknown_command(const CLI::App& app, const std::string& name) {
  Names known;
  std::string list;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    known.insert(command->get_name());
    list += (list.empty() ? "" : ", ") + command->get_name();
  }
  const std::string near = freeinit::near_name(name, known);
  std::string hint = near.empty() ? option_hint(app, name) : freeinit::did_you_mean({near});
  if (hint.empty()) hint = "; expected one of " + list;
  return freeinit::quote(name) + ": no command" + hint;
}

/// The words that a shell took apart, as the one text they were meant to be.
std::string unquoted_text(const CLI::App& command, const CLI::Option& text,
                          const std::vector<std::string>& rest) {
  std::string whole = text.count() > 0 ? text.results().front() : "";
  for (const std::string& word : rest) whole += " " + word;
  return freeinit::quote(rest.front()) +
         ": not expected; a text of several words stands in quotes: " + "freeinit " +
         command.get_name() + " \"" + freeinit::excerpt(whole) + "\"";
}

}  // namespace

std::string option_hint(const CLI::App& command, const std::string& name) {
  std::string word = name.substr(0, name.find('='));
  word.erase(0, word.find_first_not_of('-'));
  std::replace(word.begin(), word.end(), '_', '-');
  const CLI::Option* prompt = command.get_option_no_throw("PROMPT");
  if (word == "prompt" && prompt != nullptr) {
    return "; the prompt stands alone: freeinit " + command.get_name() + " \"a text\"";
  }
  auto names = freeinit::meant_names(word, option_names(command));
  for (std::string& option : names) option = "--" + option;
  return freeinit::did_you_mean(names);
}

std::string key_hint(const CLI::App& command, const std::string& key) {
  std::string word = key;
  std::replace(word.begin(), word.end(), '_', '-');
  Names known = option_names(command);
  if (command.get_option_no_throw("PROMPT") != nullptr) known.insert("prompt");
  auto names = freeinit::meant_names(word, known);
  if (key.find('-') == key.npos) {
    for (std::string& name : names) std::replace(name.begin(), name.end(), '-', '_');
  }
  return freeinit::did_you_mean(names);
}

std::string unexpected_arguments(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  const auto rest = (chosen.empty() ? app : *chosen.front()).remaining();
  if (chosen.empty()) return unknown_command(app, rest.front());
  const CLI::App& command = *chosen.front();
  const auto is_option = [](const std::string& word) { return word.starts_with('-'); };
  const auto option = std::find_if(rest.begin(), rest.end(), is_option);
  if (option != rest.end()) {
    return freeinit::quote(*option) + ": no option of 'freeinit " + command.get_name() + "'" +
           option_hint(command, *option);
  }
  for (const char* name : {"PROMPT", "TEXT"}) {
    const CLI::Option* text = command.get_option_no_throw(name);
    if (text != nullptr) return unquoted_text(command, *text, rest);
  }
  return freeinit::quote(rest.front()) + ": not expected; 'freeinit " + command.get_name() +
         " --help' lists what is";
}

}  // namespace freeinit_cli
