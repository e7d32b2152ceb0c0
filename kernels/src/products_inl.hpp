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
constexpr std::int64_t kAhead = 16;        ///< channels that a product asks for in advance
constexpr std::int64_t kCacheLine = 16;    ///< floats

/// A matrix product: rows [count,channels], `row` elements apart, times some columns of a strip
/// [channels,kStrip], to rows `to_row` elements apart; `add`: to what is there.
struct Product {
  const float* rows;
  std::int64_t row;
  const float* strip;
  std::int64_t channels;
  float* to;
  std::int64_t to_row;
  bool add;
};

/// How the rows lie in memory: one after the other, or turned, channel after channel.
enum class Rows { straight, turned };

template <Rows kLie>
HWY_INLINE Vector element(const Product& p, std::int64_t row, std::int64_t channel) {
  return all(kLie == Rows::straight ? p.rows[row * p.row + channel]
                                    : p.rows[channel * p.row + row]);
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
  for (std::int64_t c = 0; c < p.channels; ++c) {
    const float* const columns = p.strip + c * kStrip;
    hwy::Prefetch(columns + kAhead * kStrip);
    hwy::Prefetch(columns + kAhead * kStrip + kCacheLine);
    const Vector left = load(columns);
    const Vector right = kVectors == 1 ? left : load(columns + lanes());
    ((sums = hn::MulAdd(element<kLie>(p, s / kVectors, c), s % kVectors == 0 ? left : right, sums)),
     ...);
  }
  (store_sum(p.to + s / kVectors * p.to_row + s % kVectors * lanes(), sums, p.add), ...);
}

template <Rows kLie, std::int64_t kVectors, std::int64_t... s>
HWY_INLINE void multiply_rows(const Product& p, std::integer_sequence<std::int64_t, s...> sums) {
  accumulate<kLie, kVectors>(p, sums, (static_cast<void>(s), all(0))...);
}

/// `count` rows: kCount at a time, then what is left.
template <Rows kLie, std::int64_t kVectors, std::int64_t kCount = kRows>
void multiply_columns(Product p, std::int64_t count) {
  for (; count >= kCount; count -= kCount) {
    multiply_rows<kLie, kVectors>(p, std::make_integer_sequence<std::int64_t, kCount * kVectors>());
    p.rows += kLie == Rows::straight ? kCount * p.row : kCount;
    p.to += kCount * p.to_row;
  }
  if constexpr (kCount > 1) multiply_columns<kLie, kVectors, kCount - 1>(p, count);
}

/// The product of `count` rows with the first `columns` columns, a multiple of lanes(). The sum
/// over the channels is one of partial sums, which stay in the first cache and round less.
template <Rows kLie>
void multiply_strip(const Product& all_of_it, std::int64_t count, std::int64_t columns) {
  for (std::int64_t c = 0; c < all_of_it.channels; c += kPartialSum) {
    Product p = all_of_it;
    p.rows += kLie == Rows::straight ? c : c * p.row;
    p.strip += c * kStrip;
    p.channels = std::min(kPartialSum, p.channels - c);
    p.add = p.add || c > 0;
    std::int64_t column = 0;
    for (; column + 2 * lanes() <= columns; column += 2 * lanes()) {
      multiply_columns<kLie, 2>(p, count);
      p.strip += 2 * lanes();
      p.to += 2 * lanes();
    }
    if (column < columns) multiply_columns<kLie, 1>(p, count);
  }
}

#endif

}  // namespace freeinit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
