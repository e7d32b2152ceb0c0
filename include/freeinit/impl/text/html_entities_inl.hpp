#pragma once

#include <freeinit/impl/core/utf8_inl.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

// Character references of HTML: &rsquo; &#8217; &#x2019;
namespace freeinit::inline FREEINIT_ABI::detail {

/// Names of neighbouring code points, in order, by spaces.
struct EntityRun {
  char32_t first;
  std::string_view names;
};

/// The names of HTML 4 with the characters that HTML 5 gives them, &apos;, and those of HTML 5 in
/// capitals.
inline constexpr std::array<EntityRun, 74> kEntityRuns{{
    {0x22, "quot"},
    {0x22, "QUOT"},
    {0x26, "amp apos"},
    {0x26, "AMP"},
    {0x3C, "lt"},
    {0x3C, "LT"},
    {0x3E, "gt"},
    {0x3E, "GT"},
    {0xA9, "COPY"},
    {0xAE, "REG"},
    {0xA0,
     "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg "
     "macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 "
     "frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave "
     "Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde "
     "Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute "
     "acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute "
     "icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave "
     "uacute ucirc uuml yacute thorn yuml"},
    {0x152, "OElig oelig"},
    {0x160, "Scaron scaron"},
    {0x178, "Yuml"},
    {0x192, "fnof"},
    {0x2C6, "circ"},
    {0x2DC, "tilde"},
    {0x391,
     "Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron "
     "Pi Rho"},
    {0x3A3, "Sigma Tau Upsilon Phi Chi Psi Omega"},
    {0x3B1,
     "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron "
     "pi rho sigmaf sigma tau upsilon phi chi psi omega"},
    {0x3D1, "thetasym upsih"},
    {0x3D6, "piv"},
    {0x2002, "ensp emsp"},
    {0x2009, "thinsp"},
    {0x200C, "zwnj zwj lrm rlm"},
    {0x2013, "ndash mdash"},
    {0x2018, "lsquo rsquo sbquo"},
    {0x201C, "ldquo rdquo bdquo"},
    {0x2020, "dagger Dagger bull"},
    {0x2026, "hellip"},
    {0x2030, "permil"},
    {0x2032, "prime Prime"},
    {0x2039, "lsaquo rsaquo"},
    {0x203E, "oline"},
    {0x2044, "frasl"},
    {0x20AC, "euro"},
    {0x2111, "image"},
    {0x2118, "weierp"},
    {0x211C, "real"},
    {0x2122, "trade"},
    {0x2135, "alefsym"},
    {0x2190, "larr uarr rarr darr harr"},
    {0x21B5, "crarr"},
    {0x21D0, "lArr uArr rArr dArr hArr"},
    {0x2200, "forall"},
    {0x2202, "part exist"},
    {0x2205, "empty"},
    {0x2207, "nabla isin notin"},
    {0x220B, "ni"},
    {0x220F, "prod"},
    {0x2211, "sum minus"},
    {0x2217, "lowast"},
    {0x221A, "radic"},
    {0x221D, "prop infin"},
    {0x2220, "ang"},
    {0x2227, "and or cap cup int"},
    {0x2234, "there4"},
    {0x223C, "sim"},
    {0x2245, "cong"},
    {0x2248, "asymp"},
    {0x2260, "ne equiv"},
    {0x2264, "le ge"},
    {0x2282, "sub sup nsub"},
    {0x2286, "sube supe"},
    {0x2295, "oplus"},
    {0x2297, "otimes"},
    {0x22A5, "perp"},
    {0x22C5, "sdot"},
    {0x2308, "lceil rceil lfloor rfloor"},
    {0x25CA, "loz"},
    {0x2660, "spades"},
    {0x2663, "clubs"},
    {0x2665, "hearts diams"},
    {0x27E8, "lang rang"},
}};

FREEINIT_INLINE const std::map<std::string_view, char32_t>& entities() {
  static const std::map<std::string_view, char32_t> all = [] {
    std::map<std::string_view, char32_t> names;
    for (const EntityRun& run : kEntityRuns) {
      char32_t c = run.first;
      for (std::string_view rest = run.names; !rest.empty(); ++c) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        names.emplace(rest.substr(0, end), c);
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    return names;
  }();
  return all;
}

/// What Windows-1252 has in place of the control characters U+0080 to U+009F; 0: nothing.
FREEINIT_INLINE char32_t windows_character(char32_t control) {
  static constexpr std::array<char32_t, 32> kCharacters{
      0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
      0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
      0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
  return control >= 0x80 && control <= 0x9F ? kCharacters[control - 0x80] : 0;
}

/// A reference at the beginning of a text.
struct EntityMatch {
  std::size_t size = 0;    ///< of the reference, with its semicolon if it has one
  char32_t character = 0;  ///< 0: HTML drops it
  bool has_semicolon = false;
};

/// The number of a reference as a browser reads it.
FREEINIT_INLINE char32_t numbered_character(std::uint64_t number) {
  if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF)) {
    return kReplacementCharacter;
  }
  const auto c = static_cast<char32_t>(number);
  if (const char32_t other = windows_character(c)) return other;
  const bool white = c == '\t' || c == '\n' || c == '\f' || c == '\r';
  const bool is_control = (c < 0x20 && !white) || c == 0x7F;
  const bool no_character = (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
  return is_control || no_character ? 0 : c;
}

/// `text` begins with "&#".
FREEINIT_INLINE std::optional<EntityMatch> numbered_entity(std::string_view text) {
  const bool hexadecimal = text.size() > 2 && (text[2] | 0x20) == 'x';
  const std::string_view digits = hexadecimal ? "0123456789abcdefABCDEF" : "0123456789";
  const std::size_t begin = hexadecimal ? 3 : 2;
  const std::size_t end = std::min(text.find_first_not_of(digits, begin), text.size());
  if (end <= begin) return std::nullopt;
  std::uint64_t number = 0;
  for (const char digit : text.substr(begin, end - begin)) {
    const int value = digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
    number = std::min<std::uint64_t>(number * (hexadecimal ? 16 : 10) + value, 0x110000);
  }
  const bool ends = end < text.size() && text[end] == ';';
  return EntityMatch{end + (ends ? 1 : 0), numbered_character(number), ends};
}

/// The reference at `place`. Names of Latin-1 need no semicolon, as in HTML: &copy 2024.
FREEINIT_INLINE std::optional<EntityMatch> entity_at(std::string_view text, std::size_t place) {
  text.remove_prefix(place);
  if (text.size() < 3 || text[0] != '&') return std::nullopt;
  if (text[1] == '#') return numbered_entity(text);
  constexpr std::size_t kLongestName = 8;
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  std::string_view name = text.substr(1, kLongestName + 1);
  name = name.substr(0, std::find_if_not(name.begin(), name.end(), is_letter) - name.begin());
  const auto& known = entities();
  if (const auto found = known.find(name); found != known.end()) {
    const bool ends = text.substr(1 + name.size()).starts_with(';');
    if (ends) return EntityMatch{name.size() + 2, found->second, true};
  }
  for (; name.size() > 1; name.remove_suffix(1)) {
    const auto found = known.find(name);
    if (found == known.end() || found->second > 0xFF || name == "apos") continue;
    return EntityMatch{name.size() + 1, found->second, false};
  }
  return std::nullopt;
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
