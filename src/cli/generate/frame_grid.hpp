#pragma once

#include <freeinit/tensors/resize.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace freeinit_cli {

/// How many tiles a picture has.
struct GridShape {
  std::int64_t rows = 1;
  std::int64_t columns = 1;
};

/// Where frames stand in a picture of rows and columns: on white, with a thin gap between them.
class FrameGrid {
 public:
  /// For frames of size `frame`, which are shrunk until the picture is no larger than `most` and
  /// never enlarged. `caption`: the longest of the lines of text above tiles; empty: there are
  /// none.
  FrameGrid(GridShape shape, freeinit::ImageSize frame, freeinit::ImageSize most,
            const std::string& caption = {});

  /// Pixels of the picture.
  [[nodiscard]] freeinit::ImageSize size() const;
  /// Tiles of the same size, in another number.
  [[nodiscard]] FrameGrid with_shape(GridShape shape) const;
  /// Frames [F,H,W,3] uint8 of any size as tiles [F,h,w,3].
  [[nodiscard]] at::Tensor tiles_of(const at::Tensor& frames) const;
  /// A picture without tiles: [H,W,3] uint8.
  [[nodiscard]] at::Tensor blank() const;
  /// Puts `tile` [h,w,3] into `picture`.
  void put(const at::Tensor& picture, const at::Tensor& tile, std::int64_t row,
           std::int64_t column) const;
  /// Writes `text` above the tile of this place.
  void put_caption(const at::Tensor& picture, const std::string& text, std::int64_t row,
                   std::int64_t column) const;

 private:
  [[nodiscard]] std::int64_t top(std::int64_t row) const;
  [[nodiscard]] std::int64_t left(std::int64_t column) const;

  GridShape shape_;
  freeinit::ImageSize tile_{};
  std::int64_t zoom_ = 1;            // of captions
  std::int64_t caption_height_ = 0;  // with the gap below it
  std::int64_t cell_width_ = 0;      // that of a tile, or of its caption if that is wider
};

/// `wanted` of the numbers 0 to `count` - 1 at even distances, the first and the last among them;
/// all of them if they are no more.
[[nodiscard]] std::vector<std::int64_t> evenly_chosen(std::int64_t count, std::int64_t wanted);

/// The bytes of a picture [H,W,3] uint8, which must outlive them.
[[nodiscard]] std::span<const std::uint8_t> bytes_of_picture(const at::Tensor& picture);

}  // namespace freeinit_cli
