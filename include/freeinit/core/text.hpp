#pragma once

#include <freeinit/core/config.hpp>

#include <cstddef>
#include <locale>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// Values written one after another, as messages are made: `concat("size ", 3, "x", 4)`. Numbers
/// look as in the C locale, whatever the process has set.
template <class... Values>
[[nodiscard]] std::string concat(const Values&... values) {
  std::ostringstream stream;
  stream.imbue(std::locale::classic());
  (stream << ... << values);
  return stream.str();
}

/// Foreign text (a key, a name, a value of a file) as a message may show it: valid UTF-8, a blank
/// for each control character, and its beginning alone, with "..." behind it, if it takes more than
/// `most` bytes.
[[nodiscard]] FREEINIT_API std::string excerpt(std::string_view text, std::size_t most = 200);

/// `excerpt(text)` in quotation marks.
[[nodiscard]] FREEINIT_API std::string quote(std::string_view text);

/// The known name that the fewest edits of one character make of `name`, by its beginning if it is
/// long; empty if that takes more than `most`.
[[nodiscard]] FREEINIT_API std::string nearest_name(std::string_view name,
                                                    const std::set<std::string>& known,
                                                    std::size_t most = std::string::npos);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/core/text_inl.hpp>
#endif
