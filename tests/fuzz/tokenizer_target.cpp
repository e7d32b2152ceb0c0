#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"
#include "text/clip_files.hpp"

#include <freeinit/core/error.hpp>

namespace {

/// The bytes as a prompt.
void tokenize(std::string_view text) {
  const freeinit::ClipTokenizer& tokenizer = text_test::shared_tokenizer();
  const freeinit::TokenizedPrompt prompt = tokenizer.encode(text);
  fuzz::require(prompt.ids.size() == 77, "77 ids");
  for (const std::int64_t id : tokenizer.tokenize(text)) {
    fuzz::require(id >= 0 && id < 49408, "ids of the vocabulary");
  }
  (void)nlohmann::json(prompt.truncated_text).dump();  // throws unless it is valid UTF-8
}

/// The bytes as vocab.json and merges.txt, with a NUL between them.
void load(std::string_view files) {
  const std::size_t cut = std::min(files.find('\0'), files.size());
  const auto* data = reinterpret_cast<const std::uint8_t*>(files.data());
  const auto vocabulary = fuzz::input_file(data, cut, "vocab.json");
  const auto merges = fuzz::input_file(data + cut, files.size() - cut, "merges.txt");
  try {
    (void)freeinit::ClipTokenizer(vocabulary, merges).encode("a red <|endoftext|> circle");
  } catch (const freeinit::Error&) {
  }
}

}  // namespace

void fuzz::tokenizer(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  data[0] == 'F' ? load(rest) : tokenize(rest);
}
