// Matrix products of a strip of columns. Included once for each instruction set, so guarded by
// Highway's toggle and not by `#pragma once`.
#if defined(FREEINIT_KERNELS_PRODUCTS) == defined(HWY_TARGET_TOGGLE)
#ifdef FREEINIT_KERNELS_PRODUCTS
#undef FREEINIT_KERNELS_PRODUCTS
#else
#define FREEINIT_KERNELS_PRODUCTS
#endif

#include <algorithm>
#include <cstdint>
#include <utility>

#include "vectors_inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace freeinit::kernels::HWY_NAMESPACE {

#if HWY_NATIVE_FMA

/// Rows that are multiplied together: with the sums of each in registers, of which AVX2 has 16 and
/// the others 32.
constexpr std::int64_t kRows = HWY_TARGET == HWY_AVX2 ? 6 : 12;
constexpr std::int64_t kPartialSum = 256;  ///< channels

/// A matrix product: rows [count,channels], `row` elements apart, times some columns of a strip, to
/// rows `to_row` elements apart; `add`: to what is there. The strip is [channels,kStrip], or in
/// panels [channels,kPanel]: then the columns in use lie together, and share the first cache with
/// rows.
struct Product {
  const float* rows;
  std::int64_t row;
  const float* strip;
  std::int64_t channel = kStrip;  ///< from one channel of the strip to the next
  std::int64_t panel = kPanel;    ///< from one panel of it to the next
  std::int64_t channels;
  float* to;
  std::int64_t to_row;
  bool add;
};

/// How the rows lie in memory: one after the other; turned, channel after channel; or packed,
/// kRows of them turned and then the next ones, `row` elements on.
enum class Rows { straight, turned, packed };

template <Rows kLie>
HWY_INLINE const float* row_at(const Product& p, std::int64_t row, std::int64_t channel) {
  if constexpr (kLie == Rows::straight) return p.rows + row * p.row + channel;
  if constexpr (kLie == Rows::turned) return p.rows + channel * p.row + row;
  return p.rows + row / kRows * p.row + channel * kRows + row % kRows;
}

HWY_INLINE void store_sum(float* to, Vector sum, bool add) {
  store(to, add ? hn::Add(load(to), sum) : sum);
}

/// Sum s is of row s / kVectors and of vector s % kVectors of the columns. The sums are parameters,
/// as vectors of SVE cannot be in arrays; they come as zeros.
template <Rows kLie, std::int64_t kVectors, std::int64_t... s, class... Sums>
HWY_INLINE void accumulate(const Product& p, std::integer_sequence<std::int64_t, s...> /*sums*/,
                           Sums... sums) {
  static_assert(kVectors == 1 || kVectors == 2);
  const std::int64_t second = lanes() < kPanel ? lanes() : p.panel;
  const float* columns = p.strip;
  for (std::int64_t c = 0; c < p.channels; ++c, columns += p.channel) {
    const Vector left = load(columns);
    const Vector right = kVectors == 1 ? left : load(columns + second);
    ((sums = hn::MulAdd(all(*row_at<kLie>(p, s / kVectors, c)), s % kVectors == 0 ? left : right,
                        sums)),
     ...);
  }
  (store_sum(p.to + s / kVectors * p.to_row + s % kVectors * lanes(), sums, p.add), ...);
}

template <Rows kLie, std::int64_t kVectors, std::int64_t... s>
HWY_INLINE void multiply_rows(const Product& p, std::integer_sequence<std::int64_t, s...> sums) {
  accumulate<kLie, kVectors>(p, sums, (static_cast<void>(s), all(0))...);
}

/// Columns that are multiplied next, with packed rows: each block of kRows asks for some channels
/// of them. They come from the third cache or from memory, and not in time if the first rows that
/// need them ask for all.
struct Ahead {
  const float* columns;
  std::int64_t channels;  ///< for each block
};

HWY_INLINE void ask_for(const float* line) {
  __builtin_prefetch(line, 0, 2);  // the second cache: the first one is in use
}

HWY_INLINE void ask_for(const Product& p, Ahead& ahead) {
  for (std::int64_t c = 0; c < ahead.channels; ++c, ahead.columns += p.channel) {
    ask_for(ahead.columns);
    if (lanes() == kPanel) ask_for(ahead.columns + p.panel);
  }
}

/// `count` rows: kCount at a time, then what is left.
template <Rows kLie, std::int64_t kVectors, std::int64_t kCount = kRows>
void multiply_columns(Product p, std::int64_t count, Ahead ahead) {
  for (; count >= kCount; count -= kCount) {
    if constexpr (kLie == Rows::packed && kCount == kRows) ask_for(p, ahead);
    multiply_rows<kLie, kVectors>(p, std::make_integer_sequence<std::int64_t, kCount * kVectors>());
    p.rows = row_at<kLie>(p, kCount, 0);
    p.to += kCount * p.to_row;
  }
  if constexpr (kCount > 1) multiply_columns<kLie, kVectors, kCount - 1>(p, count, ahead);
}

/// The product of `count` rows with the first `columns` columns, a multiple of lanes(). The sum
/// over the channels is one of partial sums, which stay in the first cache and round less.
template <Rows kLie>
void multiply_strip(const Product& all_of_it, std::int64_t count, std::int64_t columns) {
  const auto column_at = [&](std::int64_t column) {
    return all_of_it.strip + column / kPanel * all_of_it.panel + column % kPanel;
  };
  for (std::int64_t column = 0; column < columns; column += 2 * lanes()) {
    for (std::int64_t c = 0; c < all_of_it.channels; c += kPartialSum) {
      Product p = all_of_it;
      p.rows = row_at<kLie>(p, 0, c);
      p.strip = column_at(column) + c * p.channel;
      p.channels = std::min(kPartialSum, p.channels - c);
      p.to += column;
      p.add = p.add || c > 0;
      Ahead ahead{};
      if constexpr (kLie == Rows::packed) {
        const bool is_last = c + kPartialSum >= all_of_it.channels;
        const std::int64_t blocks = std::max<std::int64_t>(count / kRows, 1);
        ahead = {is_last ? column_at(column + 2 * lanes()) : p.strip + kPartialSum * p.channel,
                 (p.channels + blocks - 1) / blocks};
      }
      if (column + 2 * lanes() <= columns) {
        multiply_columns<kLie, 2>(p, count, ahead);
      } else {
        multiply_columns<kLie, 1>(p, count, ahead);
      }
    }
  }
}

#endif

}  // namespace freeinit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
