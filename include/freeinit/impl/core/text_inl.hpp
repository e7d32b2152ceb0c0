#pragma once

#include <freeinit/core/text.hpp>
#include <freeinit/impl/core/utf8_inl.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Number of single-character edits between two names (Levenshtein).
FREEINIT_INLINE std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace detail

FREEINIT_INLINE std::string excerpt(std::string_view text, std::size_t most) {
  std::string shown;
  std::size_t place = 0;
  while (place < text.size()) {
    const std::size_t before = shown.size();
    const char32_t c = detail::next_code_point(text, place);
    const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0);  // a terminal would obey it
    detail::append_utf8(shown, control ? U' ' : c);
    if (shown.size() <= most) continue;
    shown.resize(before);
    return shown + "...";
  }
  return shown;
}

FREEINIT_INLINE std::string quote(std::string_view text) {
  return concat("'", excerpt(text), "'");
}

FREEINIT_INLINE std::string nearest_name(std::string_view name, const std::set<std::string>& known,
                                         std::size_t most) {
  std::string best;
  for (const std::string& candidate : known) {
    const std::size_t distance = detail::edit_distance(name.substr(0, 64), candidate);
    if (distance > most || (!best.empty() && distance == most)) continue;
    best = candidate;
    most = distance;
  }
  return best;
}

}  // namespace freeinit::inline FREEINIT_ABI
