#pragma once

#include <freeinit/core/text.hpp>
#include <freeinit/impl/text/byte_pair_encoder_inl.hpp>
#include <freeinit/impl/text/clip_normalizer_inl.hpp>
#include <freeinit/text/clip_tokenizer.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Spellings that stand for ids, cut out of a text before the rest is read.
class WholeTokens {
 public:
  using Ids = std::vector<std::int64_t>;
  struct Match {
    std::size_t begin;
    std::size_t size;
    const Ids* ids;
  };

  /// Neither a token nor its ids may be empty.
  explicit WholeTokens(std::vector<std::pair<std::string, Ids>> tokens)
      : tokens_(std::move(tokens)) {}

  /// The tokens in `text` from left to right, the longest of those that begin at one place.
  [[nodiscard]] std::vector<Match> find_all(std::string_view text) const {
    std::vector<std::size_t> next(tokens_.size());  // where each token occurs next
    for (std::size_t i = 0; i < tokens_.size(); ++i) next[i] = text.find(tokens_[i].first);
    std::vector<Match> matches;
    for (;;) {
      Match best{std::string_view::npos, 0, nullptr};
      for (std::size_t i = 0; i < tokens_.size(); ++i) {
        const auto& [token, ids] = tokens_[i];
        if (next[i] == std::string_view::npos || next[i] > best.begin) continue;
        if (next[i] < best.begin || token.size() > best.size) best = {next[i], token.size(), &ids};
      }
      if (best.size == 0) return matches;
      matches.push_back(best);
      const std::size_t behind = best.begin + best.size;
      for (std::size_t i = 0; i < tokens_.size(); ++i) {
        if (next[i] < behind) next[i] = text.find(tokens_[i].first, behind);
      }
    }
  }

 private:
  std::vector<std::pair<std::string, Ids>> tokens_;
};

/// The begin, end, padding and unknown tokens, whose exact spelling inside a prompt means the token
/// itself (in Hugging Face they are "added tokens", cut out before any normalisation). An OpenCLIP
/// tokenizer pads with "!", hence every "!" of a prompt is its padding token there too, unless
/// `match_pad_token` is false.
FREEINIT_INLINE WholeTokens special_tokens(const Vocabulary& vocabulary,
                                           const ClipTokenizerOptions& options) {
  std::vector<std::pair<std::string, WholeTokens::Ids>> tokens;
  for (const auto& [token, id] : vocabulary) {
    const bool matched = id == options.bos_token_id || id == options.eos_token_id ||
                         id == options.unk_token_id ||
                         (options.match_pad_token && id == options.pad_token_id);
    if (matched && !token.empty()) tokens.push_back({token, {id}});
  }
  // A vocabulary without them: Hugging Face appends the two under their usual names.
  const auto add_missing = [&](const std::string& token, std::int64_t id) {
    for (const auto& [known_token, known_ids] : tokens) {
      if (known_ids.front() == id || known_token == token) return;
    }
    tokens.push_back({token, {id}});
  };
  add_missing("<|startoftext|>", options.bos_token_id);
  add_missing("<|endoftext|>", options.eos_token_id);
  return WholeTokens(std::move(tokens));
}

/// Words added by textual inversion, matched in the normalised text, so in any case. A word of N
/// vectors has the tokens WORD, WORD_1, ..., WORD_(N-1) in `added`, as diffusers names them, and
/// becomes their ids.
FREEINIT_INLINE WholeTokens added_words(const Vocabulary& added) {
  std::vector<std::pair<std::string, WholeTokens::Ids>> words;
  for (const auto& [word, id] : added) {
    std::string normalized = normalize_clip_text(word);
    if (normalized.empty()) continue;
    WholeTokens::Ids ids{id};
    for (int i = 1;; ++i) {
      const auto further = added.find(concat(word, "_", i));
      if (further == added.end()) break;
      ids.push_back(further->second);
    }
    words.emplace_back(std::move(normalized), std::move(ids));
  }
  return WholeTokens(std::move(words));
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
