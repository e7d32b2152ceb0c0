#pragma once

#include <freeinit/core/config.hpp>

#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// `text` without what word processors and web pages put into it, as the originals of some models
/// mend their prompts before the tokenizer (ftfy's `fix_text` with its defaults, then two times
/// Python's `html.unescape`; open_clip does both):
///
/// - character references of HTML: the names of HTML 4, &apos;, and numbers; nested ones too
/// - curly quotation marks and apostrophes become straight
/// - ligatures and digraphs of Latin letters come apart: fi, ffl, ij, dz
/// - full-width letters and half-width katakana get their usual width
/// - C1 control characters become what Windows-1252 has there; other controls without effect go
///
/// Not done: text that was decoded with a wrong encoding, other names of HTML 5, escapes of
/// terminals. Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] FREEINIT_API std::string mend_text(std::string_view text);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/text/mend_text_inl.hpp>
#endif
