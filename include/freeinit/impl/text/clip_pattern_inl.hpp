#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/text/unicode_corrections_inl.hpp>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Splits normalised text into the pieces that BPE works on: the pattern of CLIP.
/// Immutable; `split` may run on several threads.
class ClipPattern {
 public:
  ClipPattern() : code_(nullptr, pcre2_code_free) {
    // White space is spelled out: PCRE2's \s also holds U+180E. Letters and numbers get what
    // PCRE2's Unicode version lacks.
    const std::string letters = "\\p{L}" + pattern_ranges(kNewLetters);
    const std::string numbers = "\\p{N}" + pattern_ranges(kNewNumbers);
    const std::string pattern = "<\\|(?:start|end)oftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[" + letters +
                                "]+|[" + numbers + "]|[^" + pattern_ranges(kWhiteSpace) + letters +
                                numbers + "]+";
    int error = 0;
    PCRE2_SIZE place = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_UCP, &error, &place, nullptr));
    if (!code_) raise(ErrorCode::internal, "the CLIP pattern does not compile with this PCRE2");
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);  // without JIT it only runs slower
  }

  /// The matches in order, as views into `text`, which must be valid UTF-8.
  [[nodiscard]] std::vector<std::string_view> split(std::string_view text) const {
    const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr), pcre2_match_data_free);
    std::vector<std::string_view> pieces;
    std::size_t place = 0;
    while (pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), place,
                       PCRE2_NO_UTF_CHECK, match.get(), nullptr) > 0) {
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
      append_pieces(pieces, text.substr(bounds[0], bounds[1] - bounds[0]));
      place = bounds[1];  // every alternative takes at least one character
    }
    return pieces;
  }

 private:
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

  std::unique_ptr<pcre2_code, void (*)(pcre2_code*)> code_;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
