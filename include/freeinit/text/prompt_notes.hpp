#pragma once

#include <freeinit/core/config.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

// What a model reads otherwise than the author of a prompt may think.

/// The pieces of `text` that mean something to web interfaces for images and are plain text here,
/// each once: `(word:1.3)`, `((word))`, `[from:to:0.5]`, `<lora:name:1>`, `<name>`, `BREAK`.
[[nodiscard]] FREEINIT_API std::vector<std::string> foreign_syntax(std::string_view text);

/// The names of widely used textual inversions in `text`, as they stand there, each once.
[[nodiscard]] FREEINIT_API std::vector<std::string> embedding_names(std::string_view text);

/// The words of `text` that `known` (lower case) lacks, in lower case, each once.
[[nodiscard]] FREEINIT_API std::vector<std::string> unknown_words(
    std::string_view text, std::span<const std::string> known);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/text/prompt_notes_inl.hpp>
#endif
