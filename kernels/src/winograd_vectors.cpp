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
// Behind it, as it chooses the instruction set.
#include "products_inl.hpp"
#include "winograd_transforms_inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace freeinit::kernels::HWY_NAMESPACE {

#if HWY_NATIVE_FMA

// --- Kernels -------------------------------------------------------------------------------------

/// Tap t of kStrip kernels in row t, of which `count` are there.
template <std::int64_t kTaps>
HWY_INLINE void gather_taps(const float* from, std::int64_t count, float (*taps)[kStrip]) {
  for (std::int64_t c = 0; c < count; ++c) {
    for (std::int64_t tap = 0; tap < kTaps; ++tap) taps[tap][c] = from[c * kTaps + tap];
  }
}

/// G g G^T of kernels [channels,3,3] of one output channel.
template <class Tiling>
void transform_image_kernels(const float* from, std::int64_t channels, float* to,
                             std::int64_t plane) {
  HWY_ALIGN float taps[kKernel * kKernel][kStrip] = {};
  HWY_ALIGN float down[Tiling::kAxis][kKernel][kMostLanes];
  for (std::int64_t start = 0; start < channels; start += kStrip) {
    gather_taps<kKernel * kKernel>(from + start * kKernel * kKernel,
                                   std::min(kStrip, channels - start), taps);
    for (std::int64_t lane = 0; lane < kStrip; lane += lanes()) {
      for (std::int64_t x = 0; x < kKernel; ++x) {
        transform_kernel<Tiling::kValues>({taps[x] + lane, kKernel * kStrip},
                                          {down[0][x], kKernel * kMostLanes});
      }
      for (std::int64_t y = 0; y < Tiling::kAxis; ++y) {
        transform_kernel<Tiling::kValues>({down[y][0], kMostLanes},
                                          {to + y * Tiling::kAxis * plane + start + lane, plane},
                                          StoreToPlane());
      }
    }
  }
}

/// G g of kernels [channels,3] of one output channel.
void transform_frame_kernels(const float* from, std::int64_t channels, float* to,
                             std::int64_t plane) {
  HWY_ALIGN float taps[kKernel][kStrip] = {};
  for (std::int64_t start = 0; start < channels; start += kStrip) {
    gather_taps<kKernel>(from + start * kKernel, std::min(kStrip, channels - start), taps);
    for (std::int64_t lane = 0; lane < kStrip; lane += lanes())
      transform_kernel({taps[0] + lane, kStrip}, {to + start + lane, plane});
  }
}

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
  std::fill_n(to, begin, 0.0F);
  std::copy_n(image + row * width + left + begin, end - begin, to + begin);
  std::fill_n(to + end, count - end, 0.0F);
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

/// B^T d B of the tiles of strip `strip` in one channel.
template <class Tiling>
void read_images(const Tiling& tiling, const float* input, std::int64_t distance,
                 std::int64_t strip, float* to, std::int64_t plane) {
  constexpr std::int64_t kStep = Tiling::kStep, kRead = Tiling::kRead;
  // All columns of the tiles but the last two, and all but the first two: neighbours follow each
  // other without overlap.
  HWY_ALIGN float near[kRead][kStrip * kStep];
  HWY_ALIGN float far[kRead][kStrip * kStep];
  TilePosition at = tiling.position(strip * kStrip);
  for (std::int64_t lane = 0; lane < kStrip;) {
    const bool is_there = at.image < tiling.images;
    const std::int64_t count =
        is_there ? std::min(kStrip - lane, tiling.columns - at.column) : kStrip - lane;
    for (std::int64_t y = 0; y < kRead; ++y) {
      const float* const image = is_there ? input + at.image * distance : input;
      const std::int64_t row = is_there ? at.row * kStep - 1 + y : -1;
      const std::int64_t left = at.column * kStep - 1;
      read_pixels(image, tiling, row, left, count * kStep, near[y] + lane * kStep);
      read_pixels(image, tiling, row, left + 2, count * kStep, far[y] + lane * kStep);
    }
    lane += count;
    if (is_there) at = tiling.after(at, count);
  }
  HWY_ALIGN float tile[Tiling::kAxis][kRead][kMostLanes];  // no fewer planes than rows are read
  for (std::int64_t lane = 0; lane < kStrip; lane += lanes()) {
    for (std::int64_t y = 0; y < kRead; ++y)
      split_columns(tiling, near[y] + lane * kStep, far[y] + lane * kStep, tile[y]);
    for (std::int64_t x = 0; x < kRead; ++x) {
      transform_input<Tiling::kValues>({tile[0][x], kRead * kMostLanes},
                                       {tile[0][x], kRead * kMostLanes});
    }
    for (std::int64_t y = 0; y < Tiling::kAxis; ++y) {
      transform_input<Tiling::kValues>(
          {tile[y][0], kMostLanes}, {to + y * Tiling::kAxis * plane + lane, plane}, StoreToPlane());
    }
  }
}

/// A^T m A + bias of the tiles of strip `strip` in one channel.
template <class Tiling>
void write_images(const Tiling& tiling, const float* products, std::int64_t plane,
                  std::int64_t strip, float bias, float* output, std::int64_t distance) {
  HWY_ALIGN float down[kOut][Tiling::kAxis][kMostLanes];
  HWY_ALIGN float across[kOut][kMostLanes];
  HWY_ALIGN float pixels[kOut][kStrip * kOut];
  for (std::int64_t lane = 0; lane < kStrip; lane += lanes()) {
    for (std::int64_t x = 0; x < Tiling::kAxis; ++x) {
      transform_output<Tiling::kValues>({products + x * plane + lane, Tiling::kAxis * plane},
                                        {down[0][x], Tiling::kAxis * kMostLanes});
    }
    for (std::int64_t y = 0; y < kOut; ++y) {
      transform_output<Tiling::kValues>({down[y][0], kMostLanes}, {across[0], kMostLanes},
                                        StoreWithBias{bias});
      hn::StoreInterleaved4(load(across[0]), load(across[1]), load(across[2]), load(across[3]),
                            Floats(), pixels[y] + lane * kOut);
    }
  }
  TilePosition at = tiling.position(strip * kStrip);
  for (std::int64_t lane = 0; lane < kStrip && at.image < tiling.images;) {
    const std::int64_t count = std::min(kStrip - lane, tiling.columns - at.column);
    const std::int64_t left = at.column * kOut;
    const std::int64_t rows = std::min(kOut, tiling.height - at.row * kOut);
    float* to = output + at.image * distance + at.row * kOut * tiling.width + left;
    for (std::int64_t y = 0; y < rows; ++y, to += tiling.width)
      std::copy_n(pixels[y] + lane * kOut, std::min(count * kOut, tiling.width - left), to);
    lane += count;
    at = tiling.after(at, count);
  }
}

template <class Tiling>
constexpr Routines<Tiling> image_routines() {
  return {transform_image_kernels<Tiling>, read_images<Tiling>, write_images<Tiling>};
}

// --- Frames: tiles of six values of one pixel ----------------------------------------------------

/// B^T d of the tiles of strip `strip` in one channel.
void read_frames(const FrameTiling& tiling, const float* input, std::int64_t distance,
                 std::int64_t strip, float* to, std::int64_t plane) {
  const PixelRun at = tiling.position(strip);
  HWY_ALIGN float tiles[kIn][kStrip] = {};
  for (std::int64_t i = 0; i < kIn; ++i) {
    const std::int64_t frame = at.frame - 1 + i;
    if (frame < 0 || frame >= tiling.frames) continue;
    std::copy_n(input + at.video * distance + frame * tiling.pixels + at.pixel, at.count, tiles[i]);
  }
  for (std::int64_t lane = 0; lane < kStrip; lane += lanes())
    transform_input({tiles[0] + lane, kStrip}, {to + lane, plane});
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

/// kernels [count,channels], rows `row` elements apart, times a strip [channels,kStrip].
void multiply_tiles(const float* kernels, std::int64_t row, std::int64_t count, const float* tiles,
                    std::int64_t channels, float* to, std::int64_t to_row) {
  multiply_strip<Rows::straight>({.rows = kernels,
                                  .row = row,
                                  .strip = tiles,
                                  .channels = channels,
                                  .to = to,
                                  .to_row = to_row,
                                  .add = false},
                                 count, kStrip);
}

const InstructionSet* convolution_set() {
  static constexpr InstructionSet set{image_routines<ImageTiling>(),
                                      image_routines<DoubledTiling>(),
                                      {transform_frame_kernels, read_frames, write_frames},
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
