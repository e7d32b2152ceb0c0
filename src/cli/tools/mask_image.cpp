#include "tools/mask_image.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/io/video_file.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace freeinit_cli {
namespace {

constexpr std::int64_t kTileSize = 96;    // a tile's longer side, where magnified
constexpr std::int64_t kRowWidth = 1640;  // wider rows are broken: 16 tiles and their gaps
constexpr std::int64_t kGap = 4;
constexpr std::int64_t kMostPixels = 100'000'000;
constexpr std::array<std::uint8_t, 3> kGapColour{70, 90, 150};  // tells a black frame from the gap

struct TileGrid {
  std::int64_t zoom, columns, rows, tile_height, tile_width;

  TileGrid(std::int64_t frames, std::int64_t height, std::int64_t width)
      : zoom(std::max<std::int64_t>(1, kTileSize / std::max(height, width))),
        columns(std::clamp<std::int64_t>((kRowWidth - kGap) / (width * zoom + kGap), 1, frames)),
        rows((frames + columns - 1) / columns),
        tile_height(height * zoom + kGap),
        tile_width(width * zoom + kGap) {}

  [[nodiscard]] std::int64_t image_height() const { return rows * tile_height + kGap; }
  [[nodiscard]] std::int64_t image_width() const { return columns * tile_width + kGap; }
};

}  // namespace

void write_mask_image(const std::filesystem::path& path, std::span<const float> mask,
                      std::int64_t frames, std::int64_t height, std::int64_t width) {
  const TileGrid grid(frames, height, width);
  if (grid.image_height() > kMostPixels / grid.image_width()) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "mask image '" + path.string() + "': the mask is too large for a picture; " +
                        "write it as .safetensors");
  }
  std::vector<std::uint8_t> rgb(
      static_cast<std::size_t>(grid.image_height() * grid.image_width() * 3));
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = kGapColour[i % 3];
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    const std::int64_t top = frame / grid.columns * grid.tile_height + kGap;
    const std::int64_t left = frame % grid.columns * grid.tile_width + kGap;
    for (std::int64_t y = 0; y < height * grid.zoom; ++y) {
      for (std::int64_t x = 0; x < width * grid.zoom; ++x) {
        const auto bin = (frame * height + y / grid.zoom) * width + x / grid.zoom;
        const float value = std::clamp(mask[static_cast<std::size_t>(bin)], 0.0F, 1.0F);
        const auto pixel = ((top + y) * grid.image_width() + left + x) * 3;
        std::fill_n(rgb.begin() + pixel, 3, static_cast<std::uint8_t>(std::lround(255 * value)));
      }
    }
  }
  freeinit::write_png(path, rgb, static_cast<int>(grid.image_width()),
                      static_cast<int>(grid.image_height()));
}

}  // namespace freeinit_cli
