#include "shared/typing_help.hpp"

#include <freeinit/core/text.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <set>
#include <vector>

namespace freeinit_cli {
namespace {

/// A slip of the finger, not another word.
std::string hint(const std::string& name, const std::set<std::string>& known) {
  const std::size_t most = std::max<std::size_t>(2, name.size() / 5);
  const std::string near = freeinit::nearest_name(name, known, most);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

std::string unknown_command(const CLI::App& app, const std::string& name) {
  std::set<std::string> known;
  std::string list;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    known.insert(command->get_name());
    list += (list.empty() ? "" : ", ") + command->get_name();
  }
  const std::string near = hint(name, known);
  return freeinit::quote(name) + ": no command" +
         (near.empty() ? "; expected one of " + list : near);
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
  std::set<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& long_name : option->get_lnames()) known.insert("--" + long_name);
  }
  return hint(name.substr(0, name.find('=')), known);
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
