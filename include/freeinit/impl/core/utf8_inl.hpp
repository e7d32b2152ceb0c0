#pragma once

#include <freeinit/core/config.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI::detail {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

inline void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t value) { out += static_cast<char>(value); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

/// What a lead byte announces: continuation bytes, the bits it carries, and the range of the first
/// continuation byte (Unicode, table 3-7: it excludes overlong forms, surrogates, values > 10FFFF).
struct Utf8Lead {
  int following = -1;  // -1: no lead byte
  char32_t bits = 0;
  unsigned char first = 0x80;
  unsigned char last = 0xBF;
};

inline Utf8Lead utf8_lead(unsigned char byte) {
  if (byte < 0x80) return {0, byte};
  if (byte < 0xC2 || byte > 0xF4) return {};
  if (byte < 0xE0) return {1, char32_t(byte & 0x1F)};
  Utf8Lead lead{byte < 0xF0 ? 2 : 3, char32_t(byte & (byte < 0xF0 ? 0x0F : 0x07))};
  if (byte == 0xE0) lead.first = 0xA0;
  if (byte == 0xED) lead.last = 0x9F;
  if (byte == 0xF0) lead.first = 0x90;
  if (byte == 0xF4) lead.last = 0x8F;
  return lead;
}

/// The code point at `place`, which moves behind it. A broken part becomes one U+FFFD: the longest
/// prefix of a well-formed sequence, as Unicode recommends and Python's errors="replace" does.
inline char32_t next_code_point(std::string_view text, std::size_t& place) {
  const Utf8Lead lead = utf8_lead(static_cast<unsigned char>(text[place++]));
  if (lead.following < 0) return kReplacementCharacter;
  char32_t value = lead.bits;
  for (int i = 0; i < lead.following; ++i) {
    if (place == text.size()) return kReplacementCharacter;
    const auto byte = static_cast<unsigned char>(text[place]);
    const unsigned char first = i == 0 ? lead.first : 0x80;
    const unsigned char last = i == 0 ? lead.last : 0xBF;
    if (byte < first || byte > last) return kReplacementCharacter;
    value = value << 6 | (byte & 0x3F);
    ++place;
  }
  return value;
}

/// `text` with U+FFFD in place of each broken part.
inline std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  for (std::size_t place = 0; place < text.size();) {
    append_utf8(valid, next_code_point(text, place));
  }
  return valid;
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
