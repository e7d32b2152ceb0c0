#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

namespace freeinit_cli {

// Letters of our own: small systems have no font files. Digits, spaces and the letters of "pass";
// other characters stay empty.

/// Pixels of a line of text at `zoom` 1, with room for what hangs below it.
inline constexpr std::int64_t kTextHeight = 9;

/// Pixels of `text`.
[[nodiscard]] std::int64_t text_width(std::string_view text, std::int64_t zoom);

/// Draws `text` in dark grey into `picture` [H,W,3] uint8, with its upper left corner at (`top`,
/// `left`). It must fit.
void draw_text(const at::Tensor& picture, std::string_view text, std::int64_t top,
               std::int64_t left, std::int64_t zoom);

}  // namespace freeinit_cli
