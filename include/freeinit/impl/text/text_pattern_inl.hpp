#pragma once

#include <freeinit/core/error.hpp>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// A regular expression (PCRE2 with Unicode properties) that matches no empty text. Immutable;
/// threads may share it.
class TextPattern {
 public:
  explicit TextPattern(const std::string& pattern) : code_(nullptr, pcre2_code_free) {
    int error = 0;
    PCRE2_SIZE place = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_UCP, &error, &place, nullptr));
    if (!code_) raise(ErrorCode::internal, "a text pattern does not compile with this PCRE2");
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);  // without JIT it only runs slower
  }

  /// The matches in order, as views into `text`, which must be valid UTF-8.
  [[nodiscard]] std::vector<std::string_view> matches(std::string_view text) const {
    const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr), pcre2_match_data_free);
    std::vector<std::string_view> found;
    std::size_t place = 0;
    while (pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), place,
                       PCRE2_NO_UTF_CHECK, match.get(), nullptr) > 0) {
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
      found.push_back(text.substr(bounds[0], bounds[1] - bounds[0]));
      place = bounds[1];
    }
    return found;
  }

 private:
  std::unique_ptr<pcre2_code, void (*)(pcre2_code*)> code_;
};

}  // namespace freeinit::inline FREEINIT_ABI::detail
