#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/core/utf8_inl.hpp>
#include <freeinit/impl/text/html_entities_inl.hpp>
#include <freeinit/text/mend_text.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Control characters that change nothing one sees, but for white space.
FREEINIT_INLINE bool is_idle_control(char32_t c) {
  const bool white = c == '\t' || c == '\n' || c == '\f' || c == '\r';
  return (c < 0x20 && !white) || c == 0x7F || (c >= 0x206A && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF9 && c <= 0xFFFC);
}

/// Latin letters in one, and characters of another width: Unicode has them for old encodings, with
/// a compatibility mapping to what they mean.
FREEINIT_INLINE bool is_compatibility_form(char32_t c) {
  const bool digraph = c == 0x132 || c == 0x133 || c == 0x149 || (c >= 0x1C4 && c <= 0x1CC) ||
                       (c >= 0x1F1 && c <= 0x1F3);
  const bool ligature = c >= 0xFB00 && c <= 0xFB06;
  const bool other_width = c == 0x3000 || (c >= 0xFF01 && c <= 0xFFEF);
  return digraph || ligature || other_width;
}

FREEINIT_INLINE void append_straight(std::string& out, char32_t c) {
  const bool single = c == 0x2BC || (c >= 0x2018 && c <= 0x201B);
  const bool twofold = c >= 0x201C && c <= 0x201F;
  append_utf8(out, single ? U'\'' : twofold ? U'"' : c);
}

/// Appends `c`, mended.
FREEINIT_INLINE void append_mended(std::string& out, char32_t c) {
  if (const char32_t other = windows_character(c)) c = other;
  if (is_idle_control(c)) return;
  if (!is_compatibility_form(c)) return append_straight(out, c);
  if (c == 0xFB05) {  // its long s stays long
    out += "\xC5\xBFt";
    return;
  }
  std::array<utf8proc_int32_t, 8> parts{};
  int last_class = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT),
      &last_class);
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    append_straight(out, static_cast<char32_t>(parts[static_cast<std::size_t>(i)]));
  }
}

/// `text` with each character mended and, where `references`, each whole character reference
/// replaced. One that becomes "&" may begin another.
FREEINIT_INLINE std::string mended_once(std::string text, bool references) {
  std::string out;
  for (std::size_t place = 0; place < text.size();) {
    const auto entity = references ? entity_at(text, place) : std::nullopt;
    if (!entity || !entity->has_semicolon) {
      append_mended(out, next_code_point(text, place));
      continue;
    }
    place += entity->size;
    if (entity->character == '&') {
      text[--place] = '&';
    } else if (entity->character != 0) {
      append_mended(out, entity->character);
    }
  }
  return out;
}

/// `text` with its character references replaced as a browser does it, which needs no semicolon
/// behind some names.
FREEINIT_INLINE std::string without_references(std::string_view text) {
  std::string out;
  for (std::size_t place = 0; place < text.size();) {
    const auto entity = entity_at(text, place);
    if (!entity) {
      out += text[place++];
      continue;
    }
    place += entity->size;
    if (entity->character != 0) append_utf8(out, entity->character);
  }
  return out;
}

}  // namespace detail

FREEINIT_INLINE std::string mend_text(std::string_view text) {
  std::string mended = detail::valid_utf8(text);
  // ftfy takes a "<" for a sign of HTML, whose references it leaves alone.
  const bool references = mended.find('<') == mended.npos;
  constexpr int kMostRounds = 16;  // references within references, as nobody writes them
  for (int i = 0; i < kMostRounds; ++i) {
    std::string next = detail::mended_once(mended, references);
    if (next == mended) break;
    mended = std::move(next);
  }
  return detail::without_references(detail::without_references(mended));
}

}  // namespace freeinit::inline FREEINIT_ABI
