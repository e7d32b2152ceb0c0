#include "shared/command.hpp"
#include "shared/default_bundle.hpp"
#include "shared/setting_options.hpp"

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/bundle/verify.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/io/text_file.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/text/clip_tokenizer.hpp>
#include <freeinit/text/mend_text.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace freeinit_cli {
namespace {

struct TokenizeArguments {
  std::string text;
  std::string input;
  std::string bundle;
  SettingOptions settings;  ///< --mend-text
};

constexpr const char* kTokenizeFooter = R"(
The ids are those the text encoder gets: begin, text, end, cut and padded to the model's length.

Examples:
  freeinit tokenize "a red circle moving right"
  freeinit tokenize --bundle path/to/bundle --input prompts.jsonl     (one JSON string a line)
  printf '"one"\n"two"\n' | freeinit tokenize --input -)";

/// Prints the ids of texts.
class IdPrinter {
 public:
  IdPrinter(freeinit::ClipTokenizer tokenizer, bool mends, Console& console)
      : tokenizer_(std::move(tokenizer)), mends_(mends), console_(console) {}

  void print(const std::string& text) const {
    const auto prompt = tokenizer_.encode(mends_ ? freeinit::mend_text(text) : text);
    console_.result(nlohmann::json(prompt.ids).dump());
  }

 private:
  freeinit::ClipTokenizer tokenizer_;
  bool mends_;
  Console& console_;
};

void tokenize_lines(const IdPrinter& printer, std::istream& lines, const std::string& origin) {
  std::string line;
  for (std::int64_t number = 1; std::getline(lines, line); ++number) {
    const auto text = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!text.is_string()) {
      freeinit::raise(freeinit::ErrorCode::invalid_file,
                      "'" + origin + "' line " + std::to_string(number) +
                          ": not a JSON string; expected one \"text\" in quotes a line");
    }
    printer.print(text.get<std::string>());
  }
}

/// The tokenizer of a bundle: files of other folders are not looked at.
freeinit::ClipTokenizer checked_tokenizer(const std::filesystem::path& bundle,
                                          freeinit::Manifest manifest) {
  const freeinit::TokenizerSpec spec = manifest.tokenizer;
  std::erase_if(manifest.files, [&](const auto& file) {
    const auto folder = std::filesystem::path(file.first).parent_path();
    return folder != std::filesystem::path(spec.vocab_file).parent_path() &&
           file.first != spec.merges_file;
  });
  freeinit::verify_bundle_files(bundle, manifest, /*hashes=*/true);
  return freeinit::load_tokenizer(bundle, spec);
}

void run_tokenize(const TokenizeArguments& arguments, bool has_text, Console& console) {
  if (has_text == !arguments.input.empty()) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "tokenize: expected either TEXT or --input FILE");
  }
  const auto bundle = bundle_or_default(arguments.bundle);
  const auto manifest = freeinit::read_manifest(bundle);
  const IdPrinter printer(checked_tokenizer(bundle, manifest),
                          arguments.settings.over(manifest.recommended).mend_text, console);
  if (has_text) return printer.print(arguments.text);
  if (arguments.input == "-") return tokenize_lines(printer, std::cin, "-");
  std::istringstream lines(freeinit::read_text_file(arguments.input, "input file"));
  tokenize_lines(printer, lines, arguments.input);
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
  arguments->settings.add(*command, {"mend_text"});
  command->footer(kTokenizeFooter);
  command->callback([=, &selected] {
    selected = [=](Console& console) { run_tokenize(*arguments, text->count() > 0, console); };
  });
}

}  // namespace freeinit_cli
