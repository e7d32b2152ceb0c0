#include "shared/typing_help.hpp"

#include <freeinit/core/text.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace freeinit_cli {
namespace {

using Names = std::set<std::string>;

/// What diffusers, ComfyUI and the web interfaces of Stable Diffusion call an option of ours.
constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {
    {"batch-size", "num-videos"},
    {"cfg", "guidance-scale"},
    {"cfg-scale", "guidance-scale"},
    {"checkpoint", "bundle"},
    {"ckpt", "bundle"},
    {"denoise", "strength"},
    {"frame-rate", "fps"},
    {"frames", "num-frames"},
    {"guidance", "guidance-scale"},
    {"length", "num-frames"},
    {"model", "bundle"},
    {"out", "output"},
    {"output", "out"},
    {"resolution", "height"},
    {"resolution", "width"},
    {"scheduler", "sampler"},
    {"size", "height"},
    {"size", "width"},
    {"steps", "num-inference-steps"},
    {"video-length", "num-frames"}};

/// A slip of the finger, not another word; empty where there is none.
std::string near_name(const std::string& name, const Names& known) {
  return freeinit::nearest_name(name, known, std::max<std::size_t>(2, name.size() / 5));
}

/// "did you mean 'a', 'b' or 'c'?", empty without names.
std::string question(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_last = i + 1 == names.size();
    text += (i == 0 ? "; did you mean " : is_last ? " or " : ", ") + ("'" + names[i] + "'");
  }
  return text.empty() ? text : text + "?";
}

std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> words;
  std::istringstream text(name);
  for (std::string word; std::getline(text, word, '-');) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

/// Whether each word begins one of the others: "neg-prompt" stands in "negative-prompt".
bool stand_in(const std::vector<std::string>& words, const std::vector<std::string>& others) {
  constexpr std::size_t kShortest = 3;
  return !words.empty() && std::all_of(words.begin(), words.end(), [&](const auto& word) {
    return word.size() >= kShortest &&
           std::any_of(others.begin(), others.end(),
                       [&word](const auto& other) { return other.starts_with(word); });
  });
}

/// At most three of the known names that may have been meant, all without dashes in front.
std::vector<std::string> meant(const std::string& name, const Names& known) {
  std::vector<std::string> names;
  for (const auto& [other, own] : kOtherNames) {
    if (name == other && known.contains(std::string(own))) names.emplace_back(own);
  }
  if (!names.empty()) return names;
  if (const std::string near = near_name(name, known); !near.empty()) return {near};
  const auto words = words_of(name);
  const auto add = [&](const auto& fits) {
    std::copy_if(known.begin(), known.end(), std::back_inserter(names), fits);
  };
  add([&](const std::string& option) { return stand_in(words, words_of(option)); });
  if (names.empty()) {
    add([&](const std::string& option) { return stand_in(words_of(option), words); });
  }
  constexpr std::size_t kMost = 3;
  if (names.size() > kMost) names.resize(kMost);
  return names;
}

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
  const std::string near = near_name(name, known);
  return freeinit::quote(name) + ": no command" +
         (near.empty() ? "; expected one of " + list : question({near}));
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
  auto names = meant(word, option_names(command));
  for (std::string& option : names) option = "--" + option;
  return question(names);
}

std::string key_hint(const CLI::App& command, const std::string& key) {
  std::string word = key;
  std::replace(word.begin(), word.end(), '_', '-');
  Names known = option_names(command);
  if (command.get_option_no_throw("PROMPT") != nullptr) known.insert("prompt");
  auto names = meant(word, known);
  if (key.find('-') == key.npos) {
    for (std::string& name : names) std::replace(name.begin(), name.end(), '-', '_');
  }
  return question(names);
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
