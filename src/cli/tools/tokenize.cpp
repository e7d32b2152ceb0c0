#include "shared/command.hpp"
#include "shared/default_bundle.hpp"

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/bundle/verify.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/text/clip_tokenizer.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

namespace freeinit_cli {
namespace {

struct TokenizeArguments {
  std::string text;
  std::string input;
  std::string bundle;
};

constexpr const char* kTokenizeFooter = R"(
The ids are those the text encoder gets: begin, text, end, cut and padded to the model's length.

Examples:
  freeinit tokenize "a red circle moving right"
  freeinit tokenize --bundle path/to/bundle --input prompts.jsonl     (one JSON string a line)
  printf '"one"\n"two"\n' | freeinit tokenize --input -)";

void print_ids(const freeinit::ClipTokenizer& tokenizer, const std::string& text,
               Console& console) {
  console.result(nlohmann::json(tokenizer.encode(text).ids).dump());
}

void tokenize_lines(const freeinit::ClipTokenizer& tokenizer, std::istream& lines,
                    const std::string& origin, Console& console) {
  std::string line;
  for (std::int64_t number = 1; std::getline(lines, line); ++number) {
    const auto text = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!text.is_string()) {
      freeinit::raise(freeinit::ErrorCode::invalid_file,
                      "'" + origin + "' line " + std::to_string(number) +
                          ": not a JSON string; expected one \"text\" in quotes a line");
    }
    print_ids(tokenizer, text.get<std::string>(), console);
  }
}

/// The tokenizer of a bundle, whose other files are not looked at.
freeinit::ClipTokenizer checked_tokenizer(const std::filesystem::path& bundle) {
  auto manifest = freeinit::read_manifest(bundle);
  const freeinit::TokenizerSpec& spec = manifest.tokenizer;
  std::erase_if(manifest.files, [&](const auto& file) {
    return file.first != spec.vocab_file && file.first != spec.merges_file;
  });
  freeinit::verify_bundle_files(bundle, manifest, /*hashes=*/true);
  return freeinit::load_tokenizer(bundle, spec);
}

void run_tokenize(const TokenizeArguments& arguments, bool has_text, Console& console) {
  if (has_text == !arguments.input.empty()) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "tokenize: expected either TEXT or --input FILE");
  }
  const auto tokenizer = checked_tokenizer(bundle_or_default(arguments.bundle));
  if (has_text) return print_ids(tokenizer, arguments.text, console);
  if (arguments.input == "-") return tokenize_lines(tokenizer, std::cin, "-", console);
  std::ifstream file(arguments.input);
  if (!file || std::filesystem::is_directory(arguments.input)) {
    freeinit::raise(freeinit::ErrorCode::not_found,
                    "input file '" + arguments.input + "': not there or not readable");
  }
  tokenize_lines(tokenizer, file, arguments.input, console);
}

}  // namespace

void add_tokenize(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("tokenize", "Print the token ids of a text as JSON");
  auto arguments = std::make_shared<TokenizeArguments>();
  auto* text = command->add_option("TEXT", arguments->text, "The text");
  command
      ->add_option("--input", arguments->input, "File of texts, one JSON string a line; - is stdin")
      ->type_name("FILE");
  command->add_option("--bundle", arguments->bundle, kBundleHelp)->type_name("DIR");
  command->footer(kTokenizeFooter);
  command->callback([=, &selected] {
    selected = [=](Console& console) { run_tokenize(*arguments, text->count() > 0, console); };
  });
}

}  // namespace freeinit_cli
