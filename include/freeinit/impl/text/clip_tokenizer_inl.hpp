#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/impl/text/byte_pair_encoder_inl.hpp>
#include <freeinit/impl/text/clip_normalizer_inl.hpp>
#include <freeinit/impl/text/clip_pattern_inl.hpp>
#include <freeinit/impl/text/special_tokens_inl.hpp>
#include <freeinit/impl/text/token_decoder_inl.hpp>
#include <freeinit/text/clip_tokenizer.hpp>

#include <algorithm>
#include <span>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_tokenizer_options(const ClipTokenizerOptions& options) {
  check_at_least("tokenizer max_length", options.max_length, 2);  // the begin and end tokens
  for (const std::int64_t id :
       {options.bos_token_id, options.eos_token_id, options.pad_token_id, options.unk_token_id}) {
    check_between("tokenizer special token id", id, 0, INT32_MAX);
  }
}

/// `added_tokens.json` beside `vocab.json`, which need not be there.
FREEINIT_INLINE Vocabulary read_added_tokens(const std::filesystem::path& vocab_json) {
  const std::filesystem::path path = vocab_json.parent_path() / "added_tokens.json";
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? read_vocabulary(path) : Vocabulary{};
}

}  // namespace detail

struct ClipTokenizer::Data {
  Data(const detail::Vocabulary& vocabulary, const detail::Vocabulary& added,
       const std::filesystem::path& merges, const ClipTokenizerOptions& wanted)
      : options(wanted),
        specials(detail::special_tokens(vocabulary, wanted)),
        words(detail::added_words(added)),
        encoder(vocabulary, merges, wanted.unk_token_id),
        decoder(vocabulary, added) {}

  /// Appends the ids of text without special tokens.
  void append_ids(std::string_view text, std::vector<std::int64_t>& ids) const {
    const std::string normalized = detail::normalize_clip_text(text);
    append_between(words, normalized, ids, [&](std::string_view part) {
      for (const std::string_view piece : pattern.split(part)) encoder.append_ids(piece, ids);
    });
  }

  /// Appends the ids of the `tokens` in `text`; `append` does so for what lies between them.
  static void append_between(const detail::WholeTokens& tokens, std::string_view text,
                             std::vector<std::int64_t>& ids, const auto& append) {
    std::size_t place = 0;
    for (const auto& match : tokens.find_all(text)) {
      append(text.substr(place, match.begin - place));
      ids.insert(ids.end(), match.ids->begin(), match.ids->end());
      place = match.begin + match.size;
    }
    append(text.substr(place));
  }

  ClipTokenizerOptions options;
  detail::WholeTokens specials;
  detail::WholeTokens words;
  detail::ClipPattern pattern;
  detail::BytePairEncoder encoder;
  detail::TokenDecoder decoder;
};

FREEINIT_INLINE ClipTokenizer::ClipTokenizer(const std::filesystem::path& vocab_json,
                                             const std::filesystem::path& merges_txt,
                                             const ClipTokenizerOptions& options) {
  detail::check_tokenizer_options(options);
  data_ = std::make_unique<const Data>(detail::read_vocabulary(vocab_json),
                                       detail::read_added_tokens(vocab_json), merges_txt, options);
}

FREEINIT_INLINE ClipTokenizer::~ClipTokenizer() = default;
FREEINIT_INLINE ClipTokenizer::ClipTokenizer(ClipTokenizer&&) noexcept = default;
FREEINIT_INLINE ClipTokenizer& ClipTokenizer::operator=(ClipTokenizer&&) noexcept = default;

FREEINIT_INLINE const ClipTokenizer::Data& ClipTokenizer::data() const {
  if (!data_) raise(ErrorCode::invalid_argument, "tokenizer: was moved from");
  return *data_;
}

FREEINIT_INLINE const ClipTokenizerOptions& ClipTokenizer::options() const {
  return data().options;
}

FREEINIT_INLINE bool ClipTokenizer::has_token(std::string_view spelling) const {
  const std::string normalized = detail::normalize_clip_text(detail::valid_utf8(spelling));
  std::vector<std::int64_t> letters;
  for (const std::string_view piece : data().pattern.split(normalized)) {
    data().encoder.append_ids(piece, letters);
  }
  return tokenize(spelling) != letters;
}

FREEINIT_INLINE std::vector<std::int64_t> ClipTokenizer::tokenize(std::string_view text) const {
  const std::string valid = detail::valid_utf8(text);
  std::vector<std::int64_t> ids;
  Data::append_between(data().specials, valid, ids,
                       [&](std::string_view part) { data().append_ids(part, ids); });
  return ids;
}

FREEINIT_INLINE TokenizedPrompt ClipTokenizer::encode(std::string_view text) const {
  const ClipTokenizerOptions& options = data().options;
  const std::vector<std::int64_t> all = tokenize(text);
  const std::size_t room = static_cast<std::size_t>(options.max_length) - 2;
  const std::span<const std::int64_t> kept(all.data(), std::min(room, all.size()));
  TokenizedPrompt prompt;
  prompt.truncated_tokens = static_cast<std::int64_t>(all.size() - kept.size());
  prompt.truncated_text = data().decoder.text(std::span(all).subspan(kept.size()));
  prompt.ids.reserve(room + 2);
  prompt.ids.push_back(options.bos_token_id);
  prompt.ids.insert(prompt.ids.end(), kept.begin(), kept.end());
  prompt.ids.push_back(options.eos_token_id);
  prompt.num_tokens = static_cast<std::int64_t>(prompt.ids.size());
  prompt.ids.resize(room + 2, options.pad_token_id);
  return prompt;
}

}  // namespace freeinit::inline FREEINIT_ABI
