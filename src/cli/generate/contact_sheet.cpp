#include "generate/contact_sheet.hpp"

#include <freeinit/io/video_file.hpp>

namespace freeinit_cli {
namespace {

constexpr std::int64_t kMostTiles = 400;

/// The least side of a square of so many tiles.
std::int64_t side_of(std::size_t tiles) {
  std::int64_t side = 1;
  while (side * side < static_cast<std::int64_t>(tiles)) ++side;
  return side;
}

GridShape shape_of(std::size_t tiles) {
  const std::int64_t columns = side_of(tiles);
  return {(static_cast<std::int64_t>(tiles) + columns - 1) / columns, columns};
}

}  // namespace

ContactSheet::ContactSheet(std::int64_t num_frames, freeinit::ImageSize frame, std::int64_t largest)
    : chosen_(evenly_chosen(num_frames, kMostTiles)),
      columns_(side_of(chosen_.size())),
      grid_(shape_of(chosen_.size()), frame, {largest, largest}),
      picture_(grid_.blank()) {}

void ContactSheet::add(const at::Tensor& frames) {
  for (std::int64_t i = 0; i < frames.size(0); ++i) {
    if (tiles_put_ == chosen_.size() || chosen_[tiles_put_] != frames_seen_++) continue;
    const auto place = static_cast<std::int64_t>(tiles_put_++);
    grid_.put(picture_, grid_.tiles_of(frames.narrow(0, i, 1))[0], place / columns_,
              place % columns_);
  }
}

void ContactSheet::write(const std::filesystem::path& path) const {
  freeinit::write_png(path, bytes_of_picture(picture_), picture_.size(1), picture_.size(0));
}

}  // namespace freeinit_cli
