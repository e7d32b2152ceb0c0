#pragma once

#include <freeinit/impl/text/byte_pair_encoder_inl.hpp>
#include <freeinit/text/clip_tokenizer.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// The begin, end, padding and unknown tokens, whose exact spelling inside a prompt means the token
/// itself (in Hugging Face they are "added tokens", cut out before any normalisation). An OpenCLIP
/// tokenizer pads with "!", hence every "!" of a prompt is its padding token there too, unless
/// `match_pad_token` is false.
class SpecialTokens {
 public:
  struct Match {
    std::size_t begin;
    std::size_t size;
    std::int64_t id;
  };

  SpecialTokens(const Vocabulary& vocabulary, const ClipTokenizerOptions& options) {
    for (const auto& [token, id] : vocabulary) {
      const bool matched = id == options.bos_token_id || id == options.eos_token_id ||
                           id == options.unk_token_id ||
                           (options.match_pad_token && id == options.pad_token_id);
      if (matched && !token.empty()) tokens_.emplace_back(token, id);
    }
    // A vocabulary without them: Hugging Face appends the two under their usual names.
    add_missing("<|startoftext|>", options.bos_token_id);
    add_missing("<|endoftext|>", options.eos_token_id);
  }

  /// The special tokens in `text` from left to right, the longest of those that begin at one place.
  [[nodiscard]] std::vector<Match> find_all(std::string_view text) const {
    std::vector<std::size_t> next(tokens_.size());  // where each token occurs next
    for (std::size_t i = 0; i < tokens_.size(); ++i) next[i] = text.find(tokens_[i].first);
    std::vector<Match> matches;
    for (;;) {
      Match best{std::string_view::npos, 0, 0};
      for (std::size_t i = 0; i < tokens_.size(); ++i) {
        const auto& [token, id] = tokens_[i];
        if (next[i] == std::string_view::npos || next[i] > best.begin) continue;
        if (next[i] < best.begin || token.size() > best.size) best = {next[i], token.size(), id};
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
  void add_missing(const std::string& token, std::int64_t id) {
    for (const auto& [known_token, known_id] : tokens_) {
      if (known_id == id || known_token == token) return;
    }
    tokens_.emplace_back(token, id);
  }

  std::vector<std::pair<std::string, std::int64_t>> tokens_;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
