// What Winograd's algorithm computes in vectors, for every instruction set: foreach_target.h
// includes this file once for each. Products and sums are fused where a line says MulAdd and
// nowhere else, so that all instruction sets give the same bits.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "winograd_vectors.cpp"
#include <hwy/foreach_target.h>
// Behind it, as they choose the instruction set.
#include "winograd_kernels_inl.hpp"
#include "winograd_products_inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace freeinit::kernels::HWY_NAMESPACE {

#if HWY_NATIVE_FMA

// --- Kernels in float16 --------------------------------------------------------------------------

HWY_INLINE void widen_vector(const std::uint16_t* from, float* to) {
  const hn::Rebind<hwy::float16_t, Floats> halves;
  const auto half = hn::LoadU(halves, reinterpret_cast<const hwy::float16_t*>(from));
  hn::StoreU(hn::PromoteTo(Floats(), half), Floats(), to);
}

void widen(const std::uint16_t* from, std::int64_t count, float* to) {
  for (; count >= lanes(); count -= lanes(), from += lanes(), to += lanes()) widen_vector(from, to);
  std::uint16_t rest[kMostLanes] = {};
  float widened[kMostLanes];
  std::copy_n(from, count, rest);
  widen_vector(rest, widened);
  std::copy_n(widened, count, to);
}

// --- Images: tiles of 6x6 pixels -----------------------------------------------------------------

/// `count` pixels of row `row` from column `left` on, with zeros around the image.
template <class Tiling>
HWY_INLINE void read_pixels(const float* image, const Tiling& tiling, std::int64_t row,
                            std::int64_t left, std::int64_t count, float* to) {
  const std::int64_t width = tiling.input_width();
  if (row < 0 || row >= tiling.input_height()) {
    std::fill_n(to, count, 0.0F);
    return;
  }
  const std::int64_t begin = std::max<std::int64_t>(0, -left);
  const std::int64_t end = std::clamp(width - left, begin, count);
  const float* const from = image + row * width + left;
  for (std::int64_t i = 0; i < begin; ++i) to[i] = 0;
  std::int64_t i = begin;  // few pixels: a call of a copy takes as long
  for (; i + lanes() <= end; i += lanes()) store(to + i, load(from + i));
  for (; i < end; ++i) to[i] = from[i];
  for (; i < count; ++i) to[i] = 0;
}

/// The pixels behind `count` tiles of one row, of each row y from rows[y] on: where they are, or
/// copied if some lie around the image. Those of the next channel are asked for, which is far away.
template <class Tiling>
HWY_INLINE void find_pixels(const float* image, const Tiling& tiling, TilePosition at,
                            std::int64_t count, float (*copies)[kStrip * Tiling::kStep + 2],
                            const float** rows) {
  const std::int64_t left = at.column * Tiling::kStep - 1;
  const std::int64_t pixels = count * Tiling::kStep + 2;
  const bool is_inside = left >= 0 && left + pixels <= tiling.input_width();
  for (std::int64_t y = 0; y < Tiling::kRead; ++y) {
    const std::int64_t row = at.row * Tiling::kStep - 1 + y;
    const bool is_there = row >= 0 && row < tiling.input_height();
    rows[y] = image + row * tiling.input_width() + left;
    if (is_there) {
      for (std::int64_t i = 0; i < pixels; i += kPanel)
        hwy::Prefetch(rows[y] + tiling.input_size() + i);
    }
    if (is_there && is_inside) continue;
    read_pixels(image, tiling, row, left, pixels, copies[y]);
    rows[y] = copies[y];
  }
}

/// One row of tiles, [column][kMostLanes], of which `near` and `far` have the columns as below.
HWY_INLINE void split_columns(const ImageTiling& /*tiling*/, const float* near, const float* far,
                              float (*to)[kMostLanes]) {
  Vector x0, x1, x2, x3, x4, x5;
  hn::LoadInterleaved4(Floats(), near, x0, x1, x2, x3);
  hn::LoadInterleaved4(Floats(), far, x2, x3, x4, x5);
  store(to[0], x0);
  store(to[1], x1);
  store(to[2], x2);
  store(to[3], x3);
  store(to[4], x4);
  store(to[5], x5);
}
HWY_INLINE void split_columns(const DoubledTiling& /*tiling*/, const float* near, const float* far,
                              float (*to)[kMostLanes]) {
  Vector x0, x1, x2, x3;
  hn::LoadInterleaved2(Floats(), near, x0, x1);
  hn::LoadInterleaved2(Floats(), far, x2, x3);
  store(to[0], x0);
  store(to[1], x1);
  store(to[2], x2);
  store(to[3], x3);
}

/// B^T d B of lanes() tiles, as split above, which it changes.
template <class Tiling>
HWY_INLINE void transform_tiles(float (*tile)[Tiling::kRead][kMostLanes], float* to,
                                std::int64_t plane) {
  for (std::int64_t x = 0; x < Tiling::kRead; ++x) {
    transform_input<Tiling::kValues>({tile[0][x], Tiling::kRead * kMostLanes},
                                     {tile[0][x], Tiling::kRead * kMostLanes});
  }
  for (std::int64_t y = 0; y < Tiling::kAxis; ++y) {
    transform_input<Tiling::kValues>({tile[y][0], kMostLanes},
                                     {to + y * Tiling::kAxis * plane, plane}, StoreToPlane());
  }
}

/// B^T d B of the tiles of strip `strip` in one channel.
template <class Tiling>
void read_images(const Tiling& tiling, const float* input, std::int64_t distance,
                 std::int64_t strip, const Tiles& to) {
  constexpr std::int64_t kStep = Tiling::kStep, kRead = Tiling::kRead;
  using Step = hn::FixedTag<float, kStep>;
  HWY_ALIGN float copies[kRead][kStrip * kStep + 2];
  const float* rows[kRead];
  // Of tiles that are not all of one row: all columns but the last two, and all but the first two.
  HWY_ALIGN float near[kRead][kMostLanes * kStep];
  HWY_ALIGN float far[kRead][kMostLanes * kStep];
  HWY_ALIGN float tile[Tiling::kAxis][kRead][kMostLanes];  // no fewer planes than rows are read
  TilePosition at = tiling.position(strip * kStrip);
  for (std::int64_t lane = 0; lane < kStrip;) {
    const bool is_there = at.image < tiling.images;
    const std::int64_t count =
        is_there ? std::min(kStrip - lane, tiling.columns - at.column) : kStrip - lane;
    find_pixels(is_there ? input + at.image * distance : input, tiling,
                is_there ? at : TilePosition{0, -2, 0}, count, copies, rows);
    for (std::int64_t i = 0; i < count;) {
      if (lane % lanes() == 0 && i + lanes() <= count) {
        for (std::int64_t y = 0; y < kRead; ++y)
          split_columns(tiling, rows[y] + i * kStep, rows[y] + i * kStep + 2, tile[y]);
        transform_tiles<Tiling>(tile, to.of_lane(lane), to.plane);
        i += lanes();
        lane += lanes();
        continue;
      }
      const std::int64_t place = lane % lanes() * kStep;
      for (std::int64_t y = 0; y < kRead; ++y) {
        hn::StoreU(hn::LoadU(Step(), rows[y] + i * kStep), Step(), near[y] + place);
        hn::StoreU(hn::LoadU(Step(), rows[y] + i * kStep + 2), Step(), far[y] + place);
      }
      ++i;
      if (++lane % lanes() != 0) continue;
      for (std::int64_t y = 0; y < kRead; ++y) split_columns(tiling, near[y], far[y], tile[y]);
      transform_tiles<Tiling>(tile, to.of_lane(lane - lanes()), to.plane);
    }
    if (is_there) at = tiling.after(at, count);
  }
}

/// A^T m A + bias of lanes() tiles: row y of their pixels to to[y].
template <class Tiling>
HWY_INLINE void transform_products(const float* products, std::int64_t plane, float bias,
                                   float* const* to) {
  HWY_ALIGN float down[kOut][Tiling::kAxis][kMostLanes];
  HWY_ALIGN float across[kOut][kMostLanes];
  for (std::int64_t x = 0; x < Tiling::kAxis; ++x) {
    transform_output<Tiling::kValues>({products + x * plane, Tiling::kAxis * plane},
                                      {down[0][x], Tiling::kAxis * kMostLanes});
  }
  for (std::int64_t y = 0; y < kOut; ++y) {
    transform_output<Tiling::kValues>({down[y][0], kMostLanes}, {across[0], kMostLanes},
                                      StoreWithBias{bias});
    hn::StoreInterleaved4(load(across[0]), load(across[1]), load(across[2]), load(across[3]),
                          Floats(), to[y]);
  }
}

/// A^T m A + bias of the tiles of strip `strip` in one channel.
template <class Tiling>
void write_images(const Tiling& tiling, const float* products, std::int64_t plane,
                  std::int64_t strip, float bias, float* output, std::int64_t distance) {
  using Step = hn::FixedTag<float, kOut>;
  HWY_ALIGN float pixels[kOut][kMostLanes * kOut];
  TilePosition at = tiling.position(strip * kStrip);
  for (std::int64_t lane = 0; lane < kStrip && at.image < tiling.images; lane += lanes()) {
    const auto here = [&] {
      return output + at.image * distance + (at.row * tiling.width + at.column) * kOut;
    };
    const auto rows_left = [&] { return std::min(kOut, tiling.height - at.row * kOut); };
    const bool is_whole = (at.column + lanes()) * kOut <= tiling.width;
    float* to[kOut];
    for (std::int64_t y = 0; y < kOut; ++y)
      to[y] = is_whole && y < rows_left() ? here() + y * tiling.width : pixels[y];
    transform_products<Tiling>(products + lane, plane, bias, to);
    if (is_whole) {
      at = tiling.after(at, lanes());
      continue;
    }
    for (std::int64_t i = 0; i < lanes() && at.image < tiling.images; ++i) {
      const std::int64_t columns = std::min(kOut, tiling.width - at.column * kOut);
      for (std::int64_t y = 0; y < rows_left(); ++y) {
        if (columns == kOut) {
          hn::StoreU(hn::LoadU(Step(), pixels[y] + i * kOut), Step(), here() + y * tiling.width);
        } else {
          std::copy_n(pixels[y] + i * kOut, columns, here() + y * tiling.width);
        }
      }
      at = tiling.after(at, 1);
    }
  }
}

template <class Tiling>
constexpr Routines<Tiling> image_routines() {
  return {transform_kernels<Tiling>, read_images<Tiling>, write_images<Tiling>};
}

// --- Frames: tiles of six values of one pixel ----------------------------------------------------

/// B^T d of the tiles of strip `strip` in one channel.
void read_frames(const FrameTiling& tiling, const float* input, std::int64_t distance,
                 std::int64_t strip, const Tiles& to) {
  const PixelRun at = tiling.position(strip);
  HWY_ALIGN float tiles[kIn][kStrip] = {};
  for (std::int64_t i = 0; i < kIn; ++i) {
    const std::int64_t frame = at.frame - 1 + i;
    if (frame < 0 || frame >= tiling.frames) continue;
    const float* const here = input + at.video * distance + frame * tiling.pixels + at.pixel;
    for (std::int64_t j = 0; j < kStrip; j += kPanel) hwy::Prefetch(here + tiling.input_size() + j);
    std::copy_n(here, at.count, tiles[i]);
  }
  for (std::int64_t lane = 0; lane < kStrip; lane += lanes())
    transform_input({tiles[0] + lane, kStrip}, {to.of_lane(lane), to.plane});
}

/// A^T m + bias of the tiles of strip `strip` in one channel.
void write_frames(const FrameTiling& tiling, const float* products, std::int64_t plane,
                  std::int64_t strip, float bias, float* output, std::int64_t distance) {
  HWY_ALIGN float values[kOut][kStrip];
  for (std::int64_t lane = 0; lane < kStrip; lane += lanes())
    transform_output({products + lane, plane}, {values[0] + lane, kStrip}, StoreWithBias{bias});
  const PixelRun at = tiling.position(strip);
  const std::int64_t count = std::min(kOut, tiling.frames - at.frame);
  for (std::int64_t i = 0; i < count; ++i) {
    std::copy_n(values[i], at.count,
                output + at.video * distance + (at.frame + i) * tiling.pixels + at.pixel);
  }
}

/// Kernels of `count` output channels, packed, times a strip of panels [channels,kPanel].
void multiply_tiles(const float* kernels, std::int64_t count, const float* tiles,
                    std::int64_t channels, float* to, std::int64_t to_row) {
  multiply_packed({.rows = kernels,
                   .group = kRows * channels,
                   .strip = tiles,
                   .panel = channels * kPanel,
                   .channels = channels,
                   .to = to,
                   .to_row = to_row,
                   .add = false},
                  count);
}

const InstructionSet* convolution_set() {
  static constexpr InstructionSet set{image_routines<ImageTiling>(),
                                      image_routines<DoubledTiling>(),
                                      {transform_kernels<FrameTiling>, read_frames, write_frames},
                                      kRows,
                                      multiply_tiles,
                                      widen};
  return &set;
}

#else

const InstructionSet* convolution_set() {
  return nullptr;
}

#endif

}  // namespace freeinit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include "targets.hpp"

namespace freeinit::kernels {

HWY_EXPORT(convolution_set);

const InstructionSet* instruction_set(std::string_view capability) {
  const auto index = chosen_target(capability, std::size(HWY_DISPATCH_TABLE(convolution_set)));
  return index ? HWY_DISPATCH_TABLE(convolution_set)[*index]() : nullptr;
}

}  // namespace freeinit::kernels

#endif
