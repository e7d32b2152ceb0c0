// What Winograd's algorithm computes in vectors, for one instruction set. No `#pragma once`:
// winograd_dispatch_inl.hpp includes it once for each, inside a namespace and with the compiler
// told to use those instructions. FREEINIT_VECTOR_WIDTH is the number of floats in a vector.

inline constexpr std::int64_t kWidth = FREEINIT_VECTOR_WIDTH;
inline constexpr std::int64_t kVectors = 2;  ///< of columns that are multiplied together
/// Rows that are: with the sums of each in registers, of which AVX2 has 16 and AVX-512 32.
inline constexpr std::int64_t kRows = kWidth == 16 ? 12 : 6;
inline constexpr std::int64_t kPartialSum = 256;  ///< channels
inline constexpr std::int64_t kAhead = 16;        ///< channels that a product asks for in advance
inline constexpr std::int64_t kCacheLine = 16;    ///< floats

using Vector = float __attribute__((vector_size(kWidth * sizeof(float))));

struct Six {
  Vector at[kIn];
};
struct Four {
  Vector at[kOut];
};

inline Vector load(const float* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof(vector));
  return vector;
}
inline void store(float* to, Vector vector) {
  std::memcpy(to, &vector, sizeof(vector));
}

/// For one of many planes that are written in turns, each strip by strip: more places than a
/// processor foresees. So the one where this plane goes on in a while is asked for now.
inline void store_plane(float* to, Vector vector) {
  __builtin_prefetch(to + 4 * kStrip, 1);
  store(to, vector);
}

/// a * b + c, rounded once.
inline Vector multiply_add(float a, Vector b, Vector c) {
#if FREEINIT_VECTOR_WIDTH == 16
  return (Vector)_mm512_fmadd_ps(_mm512_set1_ps(a), (__m512)b, (__m512)c);
#else
  return (Vector)_mm256_fmadd_ps(_mm256_set1_ps(a), (__m256)b, (__m256)c);
#endif
}

/// B^T d.
inline Six transform_input(const Six& d) {
  const Vector even = d.at[4] - 4 * d.at[2];
  const Vector odd = d.at[3] - 4 * d.at[1];
  const Vector far_even = d.at[4] - d.at[2];
  const Vector far_odd = 2 * (d.at[3] - d.at[1]);
  return {4 * d.at[0] - 5 * d.at[2] + d.at[4],
          even + odd,
          even - odd,
          far_even + far_odd,
          far_even - far_odd,
          4 * d.at[1] - 5 * d.at[3] + d.at[5]};
}

/// G g.
inline Six transform_kernel(Vector g0, Vector g1, Vector g2) {
  const Vector outer = (g0 + g2) * (-1.0F / 6);
  const Vector middle = g1 * (1.0F / 6);
  const Vector far_outer = g0 * (1.0F / 24) + g2 * (1.0F / 6);
  const Vector far_middle = g1 * (1.0F / 12);
  return {g0 * (1.0F / 4),        outer - middle,         outer + middle,
          far_outer + far_middle, far_outer - far_middle, g2};
}

/// A^T m.
inline Four transform_output(const Six& m) {
  const Vector sum = m.at[1] + m.at[2];
  const Vector difference = m.at[1] - m.at[2];
  const Vector far_sum = m.at[3] + m.at[4];
  const Vector far_difference = m.at[3] - m.at[4];
  return {m.at[0] + sum + far_sum, difference + 2 * far_difference, sum + 4 * far_sum,
          difference + 8 * far_difference + m.at[5]};
}

/// Six values `distance` apart.
inline Six load_six(const float* from, std::int64_t distance) {
  Six six;
  for (std::int64_t i = 0; i < kIn; ++i) six.at[i] = load(from + i * distance);
  return six;
}

// --- Kernels -------------------------------------------------------------------------------------

/// Tap t of kStrip kernels in row t, of which `count` are there.
template <std::int64_t kTaps>
inline void gather_taps(const float* from, std::int64_t count, float (*taps)[kStrip]) {
  for (std::int64_t c = 0; c < count; ++c) {
    for (std::int64_t tap = 0; tap < kTaps; ++tap) taps[tap][c] = from[c * kTaps + tap];
  }
}

/// G g G^T of kernels [channels,3,3] of one output channel. Planes of `to` are `plane` elements
/// apart, and each has room for whole strips.
inline void transform_image_kernels(const float* from, std::int64_t channels, float* to,
                                    std::int64_t plane) {
  float taps[kKernel * kKernel][kStrip] = {};
  for (std::int64_t start = 0; start < channels; start += kStrip) {
    gather_taps<kKernel * kKernel>(from + start * kKernel * kKernel,
                                   std::min(kStrip, channels - start), taps);
    for (std::int64_t lane = 0; lane < kStrip; lane += kWidth) {
      Six down[kKernel];
      for (std::int64_t x = 0; x < kKernel; ++x) {
        down[x] = transform_kernel(load(taps[x] + lane), load(taps[kKernel + x] + lane),
                                   load(taps[2 * kKernel + x] + lane));
      }
      for (std::int64_t y = 0; y < kIn; ++y) {
        const Six across = transform_kernel(down[0].at[y], down[1].at[y], down[2].at[y]);
        for (std::int64_t x = 0; x < kIn; ++x)
          store_plane(to + (y * kIn + x) * plane + start + lane, across.at[x]);
      }
    }
  }
}

/// G g of kernels [channels,3] of one output channel; `to` as above.
inline void transform_frame_kernels(const float* from, std::int64_t channels, float* to,
                                    std::int64_t plane) {
  float taps[kKernel][kStrip] = {};
  for (std::int64_t start = 0; start < channels; start += kStrip) {
    gather_taps<kKernel>(from + start * kKernel, std::min(kStrip, channels - start), taps);
    for (std::int64_t lane = 0; lane < kStrip; lane += kWidth) {
      const Six six =
          transform_kernel(load(taps[0] + lane), load(taps[1] + lane), load(taps[2] + lane));
      for (std::int64_t i = 0; i < kIn; ++i) store(to + i * plane + start + lane, six.at[i]);
    }
  }
}

// --- Images: tiles of 6x6 pixels -----------------------------------------------------------------

/// The six lines behind `tiles` neighbouring tiles of a row, with zeros around the image.
inline void read_lines(const float* image, const ImageTiling& tiling, const TilePosition& first,
                       std::int64_t tiles, float (*lines)[kLine]) {
  const std::int64_t left = first.column * kOut - 1;
  const std::int64_t width = tiles * kOut + 2;
  const std::int64_t begin = std::max<std::int64_t>(0, -left);
  const std::int64_t end = std::min(width, tiling.width - left);
  for (std::int64_t y = 0; y < kIn; ++y) {
    float* const line = lines[y];
    const std::int64_t from = first.row * kOut - 1 + y;
    if (from < 0 || from >= tiling.height) {
      std::fill_n(line, width, 0.0F);
      continue;
    }
    std::fill_n(line, begin, 0.0F);
    std::copy_n(image + from * tiling.width + left + begin, end - begin, line + begin);
    std::fill_n(line + end, width - end, 0.0F);
  }
}

/// B^T d B of the tiles of strip `strip` in one channel; `input`: that channel of the first image,
/// images `distance` elements apart.
inline void read_images(const ImageTiling& tiling, const float* input, std::int64_t distance,
                        std::int64_t strip, float* to, std::int64_t plane) {
  float tiles[kIn * kIn][kStrip];
  float lines[kIn][kLine];
  TilePosition at = tiling.position(strip * kStrip);
  for (std::int64_t lane = 0; lane < kStrip;) {
    if (at.image == tiling.images) {
      for (auto& row : tiles) std::fill(row + lane, row + kStrip, 0.0F);
      break;
    }
    const std::int64_t count = std::min(kStrip - lane, tiling.columns - at.column);
    read_lines(input + at.image * distance, tiling, at, count, lines);
    for (std::int64_t tile = 0; tile < count; ++tile) {
      for (std::int64_t y = 0; y < kIn; ++y) {
        for (std::int64_t x = 0; x < kIn; ++x)
          tiles[y * kIn + x][lane + tile] = lines[y][tile * kOut + x];
      }
    }
    lane += count;
    at = tiling.after(at, count);
  }
  for (std::int64_t lane = 0; lane < kStrip; lane += kWidth) {
    Six down[kIn];
    for (std::int64_t x = 0; x < kIn; ++x)
      down[x] = transform_input(load_six(tiles[x] + lane, kIn * kStrip));
    for (std::int64_t y = 0; y < kIn; ++y) {
      const Six across = transform_input({down[0].at[y], down[1].at[y], down[2].at[y],
                                          down[3].at[y], down[4].at[y], down[5].at[y]});
      for (std::int64_t x = 0; x < kIn; ++x)
        store_plane(to + (y * kIn + x) * plane + lane, across.at[x]);
    }
  }
}

/// A^T m A + bias of the tiles of strip `strip` in one channel, into `output` as `input` above.
inline void write_images(const ImageTiling& tiling, const float* products, std::int64_t plane,
                         std::int64_t strip, float bias, float* output, std::int64_t distance) {
  float pixels[kOut * kOut][kStrip];
  for (std::int64_t lane = 0; lane < kStrip; lane += kWidth) {
    Four down[kIn];
    for (std::int64_t x = 0; x < kIn; ++x)
      down[x] = transform_output(load_six(products + x * plane + lane, kIn * plane));
    for (std::int64_t y = 0; y < kOut; ++y) {
      const Four across = transform_output({down[0].at[y], down[1].at[y], down[2].at[y],
                                            down[3].at[y], down[4].at[y], down[5].at[y]});
      for (std::int64_t x = 0; x < kOut; ++x)
        store(pixels[y * kOut + x] + lane, across.at[x] + bias);
    }
  }
  TilePosition at = tiling.position(strip * kStrip);
  for (std::int64_t lane = 0; lane < kStrip && at.image < tiling.images; ++lane) {
    float* to = output + at.image * distance + at.row * kOut * tiling.width + at.column * kOut;
    const std::int64_t rows = std::min(kOut, tiling.height - at.row * kOut);
    const std::int64_t columns = std::min(kOut, tiling.width - at.column * kOut);
    for (std::int64_t y = 0; y < rows; ++y, to += tiling.width) {
      if (columns == kOut) {  // without a loop over an unknown count
        for (std::int64_t x = 0; x < kOut; ++x) to[x] = pixels[y * kOut + x][lane];
      } else {
        for (std::int64_t x = 0; x < columns; ++x) to[x] = pixels[y * kOut + x][lane];
      }
    }
    at = tiling.after(at, 1);
  }
}

// --- Frames: tiles of six values of one pixel ----------------------------------------------------

/// B^T d of the tiles of strip `strip` in one channel; `input`: that channel of the first video,
/// videos `distance` elements apart.
inline void read_frames(const FrameTiling& tiling, const float* input, std::int64_t distance,
                        std::int64_t strip, float* to, std::int64_t plane) {
  const auto at = tiling.position(strip);
  float tiles[kIn][kStrip] = {};
  for (std::int64_t i = 0; i < kIn; ++i) {
    const std::int64_t frame = at.frame - 1 + i;
    if (frame < 0 || frame >= tiling.frames) continue;
    std::copy_n(input + at.video * distance + frame * tiling.pixels + at.pixel, at.count, tiles[i]);
  }
  for (std::int64_t lane = 0; lane < kStrip; lane += kWidth) {
    const Six six = transform_input(load_six(tiles[0] + lane, kStrip));
    for (std::int64_t i = 0; i < kIn; ++i) store(to + i * plane + lane, six.at[i]);
  }
}

/// A^T m + bias of the tiles of strip `strip` in one channel.
inline void write_frames(const FrameTiling& tiling, const float* products, std::int64_t plane,
                         std::int64_t strip, float bias, float* output, std::int64_t distance) {
  float values[kOut][kStrip];
  for (std::int64_t lane = 0; lane < kStrip; lane += kWidth) {
    const Four four = transform_output(load_six(products + lane, plane));
    for (std::int64_t i = 0; i < kOut; ++i) store(values[i] + lane, four.at[i] + bias);
  }
  const auto at = tiling.position(strip);
  const std::int64_t count = std::min(kOut, tiling.frames - at.frame);
  for (std::int64_t i = 0; i < count; ++i) {
    std::copy_n(values[i], at.count,
                output + at.video * distance + (at.frame + i) * tiling.pixels + at.pixel);
  }
}

// --- Products ------------------------------------------------------------------------------------

/// A matrix product: kernels [count,channels], rows `row` elements apart, times some columns of a
/// strip [channels,kStrip], to rows `to_row` elements apart.
struct Product {
  const float* kernels;
  std::int64_t row;
  const float* tiles;
  std::int64_t channels;
  float* to;
  std::int64_t to_row;
};

/// kCount rows and kVectors vectors of columns; `add`: to what is there.
template <std::int64_t kCount>
inline void multiply_rows(const Product& p, bool add) {
  Vector sums[kCount][kVectors] = {};
  for (std::int64_t c = 0; c < p.channels; ++c) {
    for (std::int64_t v = 0; v < kVectors; ++v)
      __builtin_prefetch(p.tiles + (c + kAhead) * kStrip + v * kCacheLine);
    Vector columns[kVectors];
    for (std::int64_t v = 0; v < kVectors; ++v)
      columns[v] = load(p.tiles + c * kStrip + v * kWidth);
    for (std::int64_t k = 0; k < kCount; ++k) {
      for (std::int64_t v = 0; v < kVectors; ++v)
        sums[k][v] = multiply_add(p.kernels[k * p.row + c], columns[v], sums[k][v]);
    }
  }
  for (std::int64_t k = 0; k < kCount; ++k) {
    for (std::int64_t v = 0; v < kVectors; ++v) {
      float* const to = p.to + k * p.to_row + v * kWidth;
      store(to, add ? load(to) + sums[k][v] : sums[k][v]);
    }
  }
}

/// `count` rows: kCount at a time, then what is left.
template <std::int64_t kCount = kRows>
inline void multiply_columns(Product p, std::int64_t count, bool add) {
  for (; count >= kCount; count -= kCount) {
    multiply_rows<kCount>(p, add);
    p.kernels += kCount * p.row;
    p.to += kCount * p.to_row;
  }
  if constexpr (kCount > 1) multiply_columns<kCount - 1>(p, count, add);
}

/// kernels [count,channels], rows `row` elements apart, times a strip [channels,kStrip]. The sum
/// over the channels is one of partial sums, which stay in the first cache and round less.
inline void multiply_strip(const float* kernels, std::int64_t row, std::int64_t count,
                           const float* tiles, std::int64_t channels, float* to,
                           std::int64_t to_row) {
  for (std::int64_t c = 0; c < channels; c += kPartialSum) {
    for (std::int64_t column = 0; column < kStrip; column += kVectors * kWidth) {
      multiply_columns({kernels + c, row, tiles + c * kStrip + column,
                        std::min(kPartialSum, channels - c), to + column, to_row},
                       count, c > 0);
    }
  }
}

inline constexpr Routines<ImageTiling> kImages{transform_image_kernels, read_images, multiply_strip,
                                               write_images};
inline constexpr Routines<FrameTiling> kFrames{transform_frame_kernels, read_frames, multiply_strip,
                                               write_frames};
