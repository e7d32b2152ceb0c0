#include "tools/mask_figures.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace freeinit_cli {
namespace {

/// Index of the frequency -k for the frequency k at `index` of a centred axis of `size`.
std::int64_t mirrored(std::int64_t index, std::int64_t size) {
  return (2 * (size / 2) - index + size) % size;
}

}  // namespace

MaskFigures mask_figures(std::span<const float> mask, std::int64_t frames, std::int64_t height,
                         std::int64_t width) {
  const auto at = [&](std::int64_t t, std::int64_t h, std::int64_t w) {
    return static_cast<double>(mask[static_cast<std::size_t>((t * height + h) * width + w)]);
  };
  MaskFigures figures;
  for (std::int64_t t = 0; t < frames; ++t) {
    for (std::int64_t h = 0; h < height; ++h) {
      for (std::int64_t w = 0; w < width; ++w) {
        const double here = at(t, h, w);
        const double there = at(mirrored(t, frames), mirrored(h, height), mirrored(w, width));
        figures.kept_share += here;
        figures.kept_bins += here >= 0.5 ? 1 : 0;
        figures.symmetry_error = std::max(figures.symmetry_error, std::abs(here - there));
      }
    }
  }
  const auto bins = static_cast<double>(mask.size());
  figures.kept_share /= bins;
  figures.dc = at(frames / 2, height / 2, width / 2);
  return figures;
}

}  // namespace freeinit_cli
