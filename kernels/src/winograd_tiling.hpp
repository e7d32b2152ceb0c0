#pragma once

// How a batch is cut for Winograd's algorithm: into tiles that give four values along each axis,
// and those, batch wide, into strips of kStrip tiles that are transformed and multiplied together.

#include <freeinit/kernels/winograd.hpp>

#include <algorithm>
#include <cstdint>

#include "strip.hpp"

namespace freeinit::kernels {

inline constexpr std::int64_t kOut = 4;     ///< values that a tile gives along an axis
inline constexpr std::int64_t kIn = 6;      ///< values of the input behind them
inline constexpr std::int64_t kKernel = 3;  ///< taps of a kernel along an axis

/// The six values of a tile along an axis: those of the input, or a, b, b, c, c, d of one whose
/// values come twice. Then the third plane of B^T d is zero, and left out.
enum class Values { single, doubled };
constexpr std::int64_t planes_of(Values values) {
  return values == Values::single ? kIn : kIn - 1;
}

/// A tile of an image, by row and column of tiles.
struct TilePosition {
  std::int64_t image;
  std::int64_t row;
  std::int64_t column;
};

/// Images [N,C,H,W]: tiles of 4x4 pixels, image by image and row by row; the last ones of a row and
/// of a column reach beyond the edge.
template <Values kOf>
struct TilingOfImages {
  static constexpr Values kValues = kOf;
  /// Pixels of the output for one of the input.
  static constexpr std::int64_t kScale = kOf == Values::single ? 1 : 2;
  static constexpr std::int64_t kStep = kOut / kScale;      ///< of the input, from tile to tile
  static constexpr std::int64_t kRead = kStep + 2;          ///< of the input, behind a tile
  static constexpr std::int64_t kAxis = planes_of(kOf);     ///< planes along an axis
  static constexpr std::int64_t kPlanes = kAxis * kAxis;    ///< products a tile
  static constexpr std::int64_t kTaps = kKernel * kKernel;  ///< of a kernel

  template <class Convolution>
  explicit TilingOfImages(const Convolution& convolution)
      : images(convolution.images),
        height(convolution.height * kScale),
        width(convolution.width * kScale),
        rows((height + kOut - 1) / kOut),
        columns((width + kOut - 1) / kOut) {}

  [[nodiscard]] std::int64_t input_height() const noexcept { return height / kScale; }
  [[nodiscard]] std::int64_t input_width() const noexcept { return width / kScale; }
  [[nodiscard]] std::int64_t input_size() const noexcept { return input_height() * input_width(); }
  [[nodiscard]] std::int64_t output_size() const noexcept { return height * width; }
  [[nodiscard]] std::int64_t strips() const noexcept {
    return (images * rows * columns + kStrip - 1) / kStrip;
  }
  [[nodiscard]] TilePosition position(std::int64_t tile) const noexcept {
    const std::int64_t row = tile / columns;
    return {row / rows, row % rows, tile % columns};
  }
  /// The position `count` tiles on, none of which lies behind the end of the row.
  [[nodiscard]] TilePosition after(TilePosition at, std::int64_t count) const noexcept {
    at.column += count;
    if (at.column < columns) return at;
    return at.row + 1 < rows ? TilePosition{at.image, at.row + 1, 0}
                             : TilePosition{at.image + 1, 0, 0};
  }

  std::int64_t images;
  std::int64_t height;   ///< of the output
  std::int64_t width;    ///< the same
  std::int64_t rows;     ///< of an image, in tiles
  std::int64_t columns;  ///< the same
};

using ImageTiling = TilingOfImages<Values::single>;
using DoubledTiling = TilingOfImages<Values::doubled>;

/// A strip of the tiles of neighbouring pixels: `count` of them, over the four frames from `frame`
/// on.
struct PixelRun {
  std::int64_t video;
  std::int64_t frame;
  std::int64_t pixel;
  std::int64_t count;
};

/// Videos [N,C,F,H*W], convolved along the frames: tiles of 4 frames of a pixel. A strip does not
/// reach into the next four frames, so that its last tiles may be empty.
struct FrameTiling {
  static constexpr std::int64_t kPlanes = kIn;
  static constexpr std::int64_t kTaps = kKernel;

  explicit FrameTiling(const FrameConvolution& convolution)
      : videos(convolution.videos),
        frames(convolution.frames),
        pixels(convolution.pixels),
        runs((pixels + kStrip - 1) / kStrip),
        groups((frames + kOut - 1) / kOut) {}

  [[nodiscard]] std::int64_t input_size() const noexcept { return frames * pixels; }
  [[nodiscard]] std::int64_t output_size() const noexcept { return input_size(); }
  [[nodiscard]] std::int64_t strips() const noexcept { return videos * groups * runs; }
  [[nodiscard]] PixelRun position(std::int64_t strip) const noexcept {
    const std::int64_t group = strip / runs;
    const std::int64_t pixel = strip % runs * kStrip;
    return {group / groups, group % groups * kOut, pixel, std::min(kStrip, pixels - pixel)};
  }

  std::int64_t videos;
  std::int64_t frames;
  std::int64_t pixels;  ///< of a frame
  std::int64_t runs;    ///< strips of four frames
  std::int64_t groups;  ///< of four frames, of a video
};

/// Where tiles of a strip go in one channel: to planes `plane` elements apart, and there to panels
/// `panel` elements apart.
struct Tiles {
  [[nodiscard]] float* of_lane(std::int64_t lane) const noexcept {
    return first + lane / kPanel * panel + lane % kPanel;
  }
  float* first;
  std::int64_t plane;
  std::int64_t panel;
};

/// Most output channels whose kernels lie together, of all instruction sets.
inline constexpr std::int64_t kMostRows = 12;

/// Kernels [count,channels,taps], `row` elements from one output channel to the next.
struct Kernels {
  const float* first = nullptr;
  std::int64_t row;
  std::int64_t count;
  std::int64_t channels;
};

/// What is computed in vectors for one kind of tiles. Planes are `plane` elements apart; `input`
/// and `output` begin at the channel in question of the first image or video, and the next one is
/// `distance` elements on.
template <class Tiling>
struct Routines {
  /// Kernels of `InstructionSet::rows` output channels at most, to each plane.
  void (*transform_kernels)(const Kernels& kernels, float* to, std::int64_t plane);
  /// One strip of one channel.
  void (*read)(const Tiling& tiling, const float* input, std::int64_t distance, std::int64_t strip,
               const Tiles& to);
  /// One strip of one channel.
  void (*write)(const Tiling& tiling, const float* products, std::int64_t plane, std::int64_t strip,
                float bias, float* output, std::int64_t distance);
};

struct InstructionSet {
  Routines<ImageTiling> images;
  Routines<DoubledTiling> doubled;
  Routines<FrameTiling> frames;
  /// Output channels whose transformed kernels lie together, [channels,rows].
  std::int64_t rows;
  /// Kernels of `count` output channels, `rows` of them every `row` elements, times a strip of
  /// panels [channels,kPanel].
  void (*multiply)(const float* kernels, std::int64_t count, const float* tiles,
                   std::int64_t channels, float* to, std::int64_t to_row);
  /// float16 to float32.
  void (*widen)(const std::uint16_t* from, std::int64_t count, float* to);
};

}  // namespace freeinit::kernels
