#include "generate/frame_grid.hpp"

#include "generate/bitmap_text.hpp"

#include <ATen/ops/full.h>

#include <algorithm>
#include <cmath>

namespace freeinit_cli {
namespace {

constexpr std::int64_t kGridGap = 2;        // pixels
constexpr std::int64_t kPaper = 255;        // white
constexpr std::int64_t kWidthForZoom = 96;  // a tile so wide has letters of twice the size
constexpr std::int64_t kLargestZoom = 3;
constexpr std::int64_t kAboveCaption = 4;  // it belongs to what is below

std::int64_t caption_height(std::int64_t zoom) {
  return kAboveCaption + kTextHeight * zoom + kGridGap;
}

}  // namespace

FrameGrid::FrameGrid(GridShape shape, freeinit::ImageSize frame, freeinit::ImageSize most,
                     const std::string& caption)
    : shape_(shape) {
  const bool captioned = !caption.empty();
  const auto room = [](std::int64_t whole, std::int64_t parts) {
    const std::int64_t pixels = (whole - kGridGap) / parts - kGridGap;
    return static_cast<double>(pixels);
  };
  const double room_above = captioned ? static_cast<double>(caption_height(kLargestZoom)) : 0.0;
  const auto height = static_cast<double>(frame.height);
  const auto width = static_cast<double>(frame.width);
  const double scale = std::min({1.0, (room(most.height, shape.rows) - room_above) / height,
                                 room(most.width, shape.columns) / width});
  tile_ = {std::max(1L, std::lround(height * scale)), std::max(1L, std::lround(width * scale))};
  cell_width_ = tile_.width;
  if (!captioned) return;
  zoom_ = std::clamp<std::int64_t>(tile_.width / kWidthForZoom, 1, kLargestZoom);
  caption_height_ = caption_height(zoom_);
  cell_width_ = std::max(tile_.width, text_width(caption, zoom_));
}

std::int64_t FrameGrid::top(std::int64_t row) const {
  return kGridGap + row * (caption_height_ + tile_.height + kGridGap);
}

std::int64_t FrameGrid::left(std::int64_t column) const {
  return kGridGap + column * (cell_width_ + kGridGap);
}

freeinit::ImageSize FrameGrid::size() const {
  return {top(shape_.rows), left(shape_.columns)};
}

FrameGrid FrameGrid::with_shape(GridShape shape) const {
  FrameGrid grid = *this;
  grid.shape_ = shape;
  return grid;
}

at::Tensor FrameGrid::tiles_of(const at::Tensor& frames) const {
  if (frames.size(1) == tile_.height && frames.size(2) == tile_.width) return frames;
  return freeinit::resize_images(frames.permute({0, 3, 1, 2}), tile_.height, tile_.width,
                                 freeinit::Interpolation::bicubic)
      .permute({0, 2, 3, 1});
}

at::Tensor FrameGrid::blank() const {
  return at::full({size().height, size().width, 3}, kPaper, at::kByte);
}

void FrameGrid::put(const at::Tensor& picture, const at::Tensor& tile, std::int64_t row,
                    std::int64_t column) const {
  picture.narrow(0, top(row) + caption_height_, tile_.height)
      .narrow(1, left(column), tile_.width)
      .copy_(tile);
}

void FrameGrid::put_caption(const at::Tensor& picture, const std::string& text, std::int64_t row,
                            std::int64_t column) const {
  draw_text(picture, text, top(row) + kAboveCaption, left(column), zoom_);
}

std::vector<std::int64_t> evenly_chosen(std::int64_t count, std::int64_t wanted) {
  const std::int64_t chosen = std::min(count, wanted);
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < chosen; ++i) {
    numbers.push_back(chosen == 1 ? 0 : i * (count - 1) / (chosen - 1));
  }
  return numbers;
}

std::span<const std::uint8_t> bytes_of_picture(const at::Tensor& picture) {
  return {picture.const_data_ptr<std::uint8_t>(), static_cast<std::size_t>(picture.numel())};
}

}  // namespace freeinit_cli
