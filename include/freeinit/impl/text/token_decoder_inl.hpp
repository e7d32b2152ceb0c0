#pragma once

#include <freeinit/impl/core/utf8_inl.hpp>
#include <freeinit/impl/text/byte_pair_encoder_inl.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace freeinit::inline FREEINIT_ABI::detail {

/// Ids back to readable text: for messages, since normalisation cannot be undone.
class TokenDecoder {
 public:
  TokenDecoder(const Vocabulary& vocabulary, const Vocabulary& added) {
    std::unordered_map<char32_t, char> bytes;
    const std::array<char32_t, 256> alphabet = byte_alphabet();
    for (std::size_t byte = 0; byte < alphabet.size(); ++byte) {
      bytes.emplace(alphabet[byte], static_cast<char>(byte));
    }
    for (const auto& [token, id] : vocabulary) pieces_.emplace(id, piece_of(token, bytes));
    for (const auto& [word, id] : added) pieces_.emplace(id, word + ' ');
  }

  /// The words of `ids` with single spaces between them; valid UTF-8.
  [[nodiscard]] std::string text(std::span<const std::int64_t> ids) const {
    std::string joined;
    for (const std::int64_t id : ids) {
      const auto found = pieces_.find(id);
      if (found != pieces_.end()) joined += found->second;
    }
    if (joined.ends_with(' ')) joined.pop_back();
    return valid_utf8(joined);
  }

 private:
  static std::string piece_of(std::string_view token,
                              const std::unordered_map<char32_t, char>& bytes) {
    const bool ends_word = token.ends_with(kEndOfWord);
    if (ends_word) token.remove_suffix(kEndOfWord.size());
    std::string piece;
    for (std::size_t place = 0; place < token.size();) {
      const auto found = bytes.find(next_code_point(token, place));
      if (found != bytes.end()) piece += found->second;
    }
    return ends_word ? piece + ' ' : piece;
  }

  std::unordered_map<std::int64_t, std::string> pieces_;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
