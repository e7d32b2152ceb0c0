#pragma once

#include <freeinit/impl/core/utf8_inl.hpp>
#include <freeinit/impl/text/clip_normalizer_inl.hpp>
#include <freeinit/impl/text/text_pattern_inl.hpp>
#include <freeinit/text/prompt_notes.hpp>

#include <algorithm>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The matches in `text`, each once.
FREEINIT_INLINE std::vector<std::string> different_matches(const TextPattern& pattern,
                                                           const std::string& text) {
  std::vector<std::string> found;
  for (const std::string_view match : pattern.matches(text)) {
    if (std::find(found.begin(), found.end(), match) == found.end()) found.emplace_back(match);
  }
  return found;
}

}  // namespace detail

FREEINIT_INLINE std::vector<std::string> foreign_syntax(std::string_view text) {
  static const detail::TextPattern pattern(R"(<\w[^<>\s]{0,99}>)"
                                           R"(|\([^()]{1,99}:\s?(?:\d?\.\d{1,4}|[0-3])\s?\))"
                                           R"(|\(\([^()]{1,99}\)\))"
                                           R"(|\[[^\[\]:]{0,99}:[^\[\]]{0,99}\])"
                                           R"(|\bBREAK\b)");
  return detail::different_matches(pattern, detail::valid_utf8(text));
}

FREEINIT_INLINE std::vector<std::string> embedding_names(std::string_view text) {
  static const detail::TextPattern pattern(
      R"((?i)(?<![\w-])(?:easynegative(?:v2)?|badhandv[45]|bad-?hands?-?[35]|bad_prompt(?:_version2)?)"
      R"(|ng_deepnegative_v1_(?:4|16|32|64|75)t|verybadimagenegative_v1\.[1-3])"
      R"(|bad-artist(?:-anime)?|bad-picture-chill-75v|bad-image-v2-39000|negative_hand(?:-neg)?)"
      R"(|fastnegativev2|baddream|unrealisticdream|fastnegativeembedding|boring_e621(?:_v4)?)"
      R"(|cyberrealistic_negative(?:-neg)?|juggernautnegative(?:-neg)?|realisticvision-negative-embedding)(?![\w-]))");
  return detail::different_matches(pattern, detail::valid_utf8(text));
}

FREEINIT_INLINE std::vector<std::string> unknown_words(std::string_view text,
                                                       std::span<const std::string> known) {
  static const detail::TextPattern pattern(R"([\p{L}\p{M}\p{N}]+)");
  const std::string normalized = detail::normalize_clip_text(detail::valid_utf8(text));
  std::vector<std::string> words = detail::different_matches(pattern, normalized);
  std::erase_if(words, [known](const std::string& word) {
    return std::find(known.begin(), known.end(), word) != known.end();
  });
  return words;
}

}  // namespace freeinit::inline FREEINIT_ABI
