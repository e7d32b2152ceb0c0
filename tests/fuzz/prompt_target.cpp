#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"
#include "text/clip_files.hpp"

#include <freeinit/core/text.hpp>
#include <freeinit/text/mend_text.hpp>

/// The bytes as a prompt.
void fuzz::prompt(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const freeinit::ClipTokenizer& tokenizer = text_test::shared_tokenizer();
  const freeinit::TokenizedPrompt prompt = tokenizer.encode(text);
  require(prompt.ids.size() == 77, "77 ids");
  for (const std::int64_t id : tokenizer.tokenize(text)) {
    require(id >= 0 && id < 49408, "ids of the vocabulary");
  }
  (void)nlohmann::json(prompt.truncated_text).dump();  // throws unless it is valid UTF-8
  (void)nlohmann::json(freeinit::mend_text(text)).dump();
  const std::string shown = freeinit::excerpt(text);
  require(shown.size() <= 203, "an excerpt is short");
  (void)nlohmann::json(shown).dump();
}
