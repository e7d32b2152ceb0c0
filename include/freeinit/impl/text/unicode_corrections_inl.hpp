#pragma once

#include <freeinit/core/config.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

// Where Hugging Face's `tokenizers` 0.23 differs from PCRE2 10.42 (Unicode 14) and utf8proc 2.8
// (Unicode 15) over all code points, as tests/reference/text/unicode_differences.py measures it.
// Its regular expressions and lower case know Unicode 17, its NFC knows Unicode 9 alone.
namespace freeinit::inline FREEINIT_ABI::detail {

struct CodePointRange {
  char32_t first;
  char32_t last;
};

/// White space (the Unicode property).
inline constexpr std::array<CodePointRange, 10> kWhiteSpace{{
    {0x9, 0xD},
    {0x20, 0x20},
    {0x85, 0x85},
    {0xA0, 0xA0},
    {0x1680, 0x1680},
    {0x2000, 0x200A},
    {0x2028, 0x2029},
    {0x202F, 0x202F},
    {0x205F, 0x205F},
    {0x3000, 0x3000},
}};

/// Letters younger than Unicode 14.
inline constexpr std::array<CodePointRange, 35> kNewLetters{{
    {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3},
    {0x10D4A, 0x10D65}, {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x1123F, 0x11240},
    {0x11380, 0x11389}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5},
    {0x113B7, 0x113B7}, {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0},
    {0x11F02, 0x11F02}, {0x11F04, 0x11F10}, {0x11F12, 0x11F33}, {0x1342F, 0x1342F},
    {0x13441, 0x13446}, {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16D40, 0x16D6C},
    {0x18CFF, 0x18CFF}, {0x1B132, 0x1B132}, {0x1B155, 0x1B155}, {0x1DF25, 0x1DF2A},
    {0x1E030, 0x1E06D}, {0x1E4D0, 0x1E4EB}, {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5F0},
    {0x2B739, 0x2B739}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x323AF},
}};

/// Numbers younger than Unicode 14.
inline constexpr std::array<CodePointRange, 10> kNewNumbers{{
    {0x10D40, 0x10D49},
    {0x116D0, 0x116E3},
    {0x11BF0, 0x11BF9},
    {0x11F50, 0x11F59},
    {0x16130, 0x16139},
    {0x16D70, 0x16D79},
    {0x1CCF0, 0x1CCF9},
    {0x1D2C0, 0x1D2D3},
    {0x1E4F0, 0x1E4F9},
    {0x1E5F1, 0x1E5FA},
}};

/// Marks and compositions younger than Unicode 9, and U+11A7, which utf8proc drops behind a Hangul
/// syllable: NFC must leave them alone.
inline constexpr std::array<CodePointRange, 64> kNotNormalized{{
    {0x5C8, 0x5C9},     {0x7FD, 0x7FD},     {0x897, 0x89F},     {0x8CA, 0x8D3},
    {0x9FE, 0x9FE},     {0xC3C, 0xC3C},     {0xD3B, 0xD3C},     {0xEBA, 0xEBA},
    {0x11A7, 0x11A7},   {0x1715, 0x1715},   {0x1ABF, 0x1AF0},   {0x1DF6, 0x1DFA},
    {0xA82C, 0xA82C},   {0x105C9, 0x105C9}, {0x105D2, 0x105D2}, {0x105DA, 0x105DA},
    {0x105E4, 0x105E4}, {0x10D24, 0x10D27}, {0x10D69, 0x10D6D}, {0x10EAB, 0x10EAC},
    {0x10ECB, 0x10ECF}, {0x10EF0, 0x10EFB}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50},
    {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x11382, 0x11391},
    {0x113B8, 0x113C9}, {0x113CE, 0x113D0}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
    {0x11930, 0x11930}, {0x11935, 0x11935}, {0x11938, 0x11938}, {0x1193D, 0x1193E},
    {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47},
    {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97},
    {0x11F41, 0x11F42}, {0x1611E, 0x16129}, {0x1612F, 0x1612F}, {0x16D63, 0x16D6A},
    {0x16FF0, 0x16FF1}, {0x1D127, 0x1D128}, {0x1D250, 0x1D252}, {0x1D25B, 0x1D25C},
    {0x1D25F, 0x1D25F}, {0x1D280, 0x1D281}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136},
    {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}, {0x1E5EE, 0x1E5EF},
    {0x1E6E3, 0x1E6E3}, {0x1E6E6, 0x1E6E6}, {0x1E6EE, 0x1E6EF}, {0x1E6F5, 0x1E6F5},
}};

/// Capitals younger than Unicode 15: the lower case of `first + i` is `lower + i`.
struct CapitalRange {
  char32_t first;
  char32_t last;
  char32_t lower;
};

inline constexpr std::array<CapitalRange, 10> kNewCapitals{{
    {0x1C89, 0x1C89, 0x1C8A},
    {0xA7CB, 0xA7CB, 0x264},
    {0xA7CC, 0xA7CC, 0xA7CD},
    {0xA7CE, 0xA7CE, 0xA7CF},
    {0xA7D2, 0xA7D2, 0xA7D3},
    {0xA7D4, 0xA7D4, 0xA7D5},
    {0xA7DA, 0xA7DA, 0xA7DB},
    {0xA7DC, 0xA7DC, 0x19B},
    {0x10D50, 0x10D65, 0x10D70},
    {0x16EA0, 0x16EB8, 0x16EBB},
}};

/// True if a sorted table holds `c`.
template <std::size_t N>
bool in_ranges(const std::array<CodePointRange, N>& table, char32_t c) {
  const auto* found = std::partition_point(
      table.begin(), table.end(), [&](const CodePointRange& range) { return range.last < c; });
  return found != table.end() && found->first <= c;
}

/// `c` as PCRE2 writes it in a pattern.
FREEINIT_INLINE std::string hexadecimal_escape(char32_t c) {
  std::string digits;
  for (; c != 0; c /= 16) digits.insert(digits.begin(), "0123456789ABCDEF"[c % 16]);
  return "\\x{" + digits + "}";
}

/// The table as the inside of a PCRE2 character class.
template <std::size_t N>
std::string pattern_ranges(const std::array<CodePointRange, N>& table) {
  std::string text;
  for (const CodePointRange& range : table) {
    text += hexadecimal_escape(range.first) + "-" + hexadecimal_escape(range.last);
  }
  return text;
}

/// Lower case of one code point, of those with a mapping to one code point.
FREEINIT_INLINE char32_t lower_case_of(char32_t c) {
  for (const CapitalRange& range : kNewCapitals) {
    if (c >= range.first && c <= range.last) return range.lower + (c - range.first);
  }
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
