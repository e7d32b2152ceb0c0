#include "generate/bitmap_text.hpp"

#include <algorithm>
#include <array>

namespace freeinit_cli {
namespace {

constexpr std::int64_t kGlyphWidth = 5;
constexpr std::int64_t kAdvance = kGlyphWidth + 1;
constexpr std::int64_t kInk = 40;

struct Glyph {
  char character;
  std::array<std::uint8_t, kTextHeight> rows;  ///< the highest of 5 bits is the leftmost pixel
};

// clang-format off
constexpr std::array<Glyph, 13> kGlyphs{{
    {'0', {0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110, 0, 0}},
    {'1', {0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110, 0, 0}},
    {'2', {0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111, 0, 0}},
    {'3', {0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110, 0, 0}},
    {'4', {0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010, 0, 0}},
    {'5', {0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110, 0, 0}},
    {'6', {0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110, 0, 0}},
    {'7', {0b11111, 0b00001, 0b00010, 0b00100, 0b00100, 0b01000, 0b01000, 0, 0}},
    {'8', {0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110, 0, 0}},
    {'9', {0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100, 0, 0}},
    {'a', {0, 0, 0b01110, 0b00001, 0b01111, 0b10001, 0b01111, 0, 0}},
    {'p', {0, 0, 0b11110, 0b10001, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000}},
    {'s', {0, 0, 0b01111, 0b10000, 0b01110, 0b00001, 0b11110, 0, 0}},
}};
// clang-format on

void draw_glyph(const at::Tensor& picture, const Glyph& glyph, std::int64_t top, std::int64_t left,
                std::int64_t zoom) {
  for (std::int64_t y = 0; y < kTextHeight; ++y) {
    for (std::int64_t x = 0; x < kGlyphWidth; ++x) {
      const int row = glyph.rows[static_cast<std::size_t>(y)];
      if ((row >> (kGlyphWidth - 1 - x) & 1) == 0) continue;
      picture.narrow(0, top + y * zoom, zoom).narrow(1, left + x * zoom, zoom).fill_(kInk);
    }
  }
}

}  // namespace

std::int64_t text_width(std::string_view text, std::int64_t zoom) {
  return (static_cast<std::int64_t>(text.size()) * kAdvance - 1) * zoom;
}

void draw_text(const at::Tensor& picture, std::string_view text, std::int64_t top,
               std::int64_t left, std::int64_t zoom) {
  for (const char character : text) {
    const auto* const glyph =
        std::find_if(kGlyphs.begin(), kGlyphs.end(),
                     [=](const Glyph& candidate) { return candidate.character == character; });
    if (glyph != kGlyphs.end()) draw_glyph(picture, *glyph, top, left, zoom);
    left += kAdvance * zoom;
  }
}

}  // namespace freeinit_cli
