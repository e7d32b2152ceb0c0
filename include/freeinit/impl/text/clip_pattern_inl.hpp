#pragma once

#include <freeinit/impl/text/text_pattern_inl.hpp>
#include <freeinit/impl/text/unicode_corrections_inl.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Splits normalised text into the pieces that BPE works on: the pattern of CLIP.
/// Immutable; `split` may run on several threads.
class ClipPattern {
 public:
  /// The matches in order, as views into `text`, which must be valid UTF-8.
  [[nodiscard]] std::vector<std::string_view> split(std::string_view text) const {
    std::vector<std::string_view> pieces;
    for (const std::string_view match : pattern_.matches(text)) append_pieces(pieces, match);
    return pieces;
  }

 private:
  /// White space is spelled out: PCRE2's \\s also holds U+180E. Letters and numbers get what
  /// PCRE2's Unicode version lacks.
  static std::string pattern_text() {
    const std::string letters = "\\p{L}" + pattern_ranges(kNewLetters);
    const std::string numbers = "\\p{N}" + pattern_ranges(kNewNumbers);
    return "<\\|(?:start|end)oftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[" + letters + "]+|[" + numbers +
           "]|[^" + pattern_ranges(kWhiteSpace) + letters + numbers + "]+";
  }

  /// A special token's spelling that came from capitals ("<|ENDOFTEXT|>") is text: Hugging Face's
  /// byte-level step splits it by a second pattern into the word and what is around it.
  static void append_pieces(std::vector<std::string_view>& pieces, std::string_view match) {
    if (match.size() > 4 && match.starts_with("<|") && match.ends_with("oftext|>")) {
      pieces.push_back(match.substr(0, 2));
      pieces.push_back(match.substr(2, match.size() - 4));
      pieces.push_back(match.substr(match.size() - 2));
    } else {
      pieces.push_back(match);
    }
  }

  TextPattern pattern_{pattern_text()};
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
