#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/core/utf8_inl.hpp>
#include <freeinit/impl/text/unicode_corrections_inl.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace freeinit::inline FREEINIT_ABI::detail {

FREEINIT_INLINE int combining_class(char32_t c) {
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
}

/// Puts each run of combining marks into canonical order. utf8proc does so too, but exchanging
/// neighbours, which takes minutes for a hostile run of 100,000 marks; sorted ones cost it nothing.
FREEINIT_INLINE void sort_marks(std::u32string& text) {
  const auto is_mark = [](char32_t c) { return combining_class(c) != 0; };
  for (auto first = text.begin(); first != text.end();) {
    first = std::find_if(first, text.end(), is_mark);
    const auto last = std::find_if_not(first, text.end(), is_mark);
    std::stable_sort(first, last, [](char32_t left, char32_t right) {
      return combining_class(left) < combining_class(right);
    });
    first = last;
  }
}

/// Appends the canonical composition (NFC) of `text` to `out`.
FREEINIT_INLINE void append_composed(std::string& out, std::u32string text) {
  if (text.empty()) return;
  sort_marks(text);
  std::string plain;
  for (const char32_t c : text) append_utf8(plain, c);
  utf8proc_uint8_t* raw = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(plain.data()),
                   static_cast<utf8proc_ssize_t>(plain.size()), &raw,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(raw, std::free);
  if (size < 0) raise(ErrorCode::internal, std::string("NFC: ") + utf8proc_errmsg(size));
  out.append(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
}

/// NFC as Hugging Face computes it, with the Unicode version of its library: what that version does
/// not know neither composes nor reorders, hence cuts the text into parts composed on their own.
FREEINIT_INLINE std::string compose_like_hugging_face(std::string_view text) {
  std::string out;
  std::u32string part;
  for (std::size_t place = 0; place < text.size();) {
    const char32_t c = next_code_point(text, place);
    if (in_ranges(kNotNormalized, c)) {
      append_composed(out, std::exchange(part, {}));
      append_utf8(out, c);
    } else {
      part += c;
    }
  }
  append_composed(out, std::move(part));
  return out;
}

/// Lower case, each code point on its own (no final sigma), as Rust's `char::to_lowercase`.
FREEINIT_INLINE std::string lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t place = 0; place < text.size();) {
    const char32_t c = next_code_point(text, place);
    if (c == 0x130) {  // the only full mapping to two code points
      out += "i\xCC\x87";
    } else {
      append_utf8(out, lower_case_of(c));
    }
  }
  return out;
}

/// The normalisation of Hugging Face's CLIP tokenizer: NFC, then lower case. It also turns white
/// space into single spaces, which no token can show: the pattern drops white space.
FREEINIT_INLINE std::string normalize_clip_text(std::string_view text) {
  return lower_case(compose_like_hugging_face(text));
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
