#pragma once

#include <freeinit/core/text.hpp>
#include <freeinit/impl/core/utf8_inl.hpp>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE std::string excerpt(std::string_view text, std::size_t most) {
  std::string shown;
  std::size_t place = 0;
  while (place < text.size()) {
    const std::size_t before = shown.size();
    detail::append_utf8(shown, detail::next_code_point(text, place));
    if (shown.size() <= most) continue;
    shown.resize(before);
    return shown + "...";
  }
  return shown;
}

FREEINIT_INLINE std::string quote(std::string_view text) {
  return concat("'", excerpt(text), "'");
}

}  // namespace freeinit::inline FREEINIT_ABI
