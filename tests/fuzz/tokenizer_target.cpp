#include "fuzz/input_file.hpp"
#include "fuzz/targets.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/text/clip_tokenizer.hpp>

#include <algorithm>

/// The bytes as vocab.json and merges.txt, with a NUL between them.
void fuzz::tokenizer(const std::uint8_t* data, std::size_t size) {
  const std::uint8_t* const end = data + size;
  const std::uint8_t* const cut = std::find(data, end, 0);
  const std::uint8_t* const rest = std::min(cut + 1, end);
  const auto vocabulary = input_file(data, static_cast<std::size_t>(cut - data), "vocab.json");
  const auto merges = input_file(rest, static_cast<std::size_t>(end - rest), "merges.txt");
  try {
    (void)freeinit::ClipTokenizer(vocabulary, merges).encode("a red <|endoftext|> circle");
  } catch (const freeinit::Error& error) {
    require(std::string(error.what()).size() < 1000, "messages are short");
  }
}
