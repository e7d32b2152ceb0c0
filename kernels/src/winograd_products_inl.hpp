// Matrix products of packed kernels with strips of tiles. Included once for each instruction set,
// so guarded by Highway's toggle and not by `#pragma once`.
#if defined(FREEINIT_KERNELS_WINOGRAD_PRODUCTS) == defined(HWY_TARGET_TOGGLE)
#ifdef FREEINIT_KERNELS_WINOGRAD_PRODUCTS
#undef FREEINIT_KERNELS_WINOGRAD_PRODUCTS
#else
#define FREEINIT_KERNELS_WINOGRAD_PRODUCTS
#endif

#include <algorithm>
#include <cstdint>
#include <utility>

#include "products_inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace freeinit::kernels::HWY_NAMESPACE {

#if HWY_NATIVE_FMA

/// A matrix product: output channels in groups of kRows, [channels,kRows], `group` elements apart,
/// times a strip of panels [channels,kPanel], `panel` elements apart, to rows `to_row` elements
/// apart; `add`: to what is there. The columns in use lie together, and share the first cache with
/// a group.
struct PackedProduct {
  const float* rows;
  std::int64_t group;
  const float* strip;
  std::int64_t panel;
  std::int64_t channels;
  float* to;
  std::int64_t to_row;
  bool add;
};

/// Sum s is of row s / 2 and of vector s % 2 of the columns. The sums are parameters, as vectors of
/// SVE cannot be in arrays; they come as zeros.
template <std::int64_t... s, class... Sums>
HWY_INLINE void accumulate_packed(const PackedProduct& p,
                                  std::integer_sequence<std::int64_t, s...> /*sums*/,
                                  Sums... sums) {
  const std::int64_t second = lanes() < kPanel ? lanes() : p.panel;
  const float* columns = p.strip;
  const float* rows = p.rows;
  for (std::int64_t c = 0; c < p.channels; ++c, columns += kPanel, rows += kRows) {
    const Vector left = load(columns);
    const Vector right = load(columns + second);
    ((sums = hn::MulAdd(all(rows[s / 2]), s % 2 == 0 ? left : right, sums)), ...);
  }
  (store_sum(p.to + s / 2 * p.to_row + s % 2 * lanes(), sums, p.add), ...);
}

template <std::int64_t... s>
HWY_INLINE void multiply_group(const PackedProduct& p,
                               std::integer_sequence<std::int64_t, s...> sums) {
  accumulate_packed(p, sums, (static_cast<void>(s), all(0))...);
}

/// Columns that are multiplied next, of which each group asks for some channels. They come from the
/// third cache or from memory, and not in time if the first group that needs them asks for all.
struct Ahead {
  const float* columns;
  std::int64_t channels;  ///< for each group
};

HWY_INLINE void ask_for(const float* line) {
  __builtin_prefetch(line, 0, 2);  // the second cache: the first one is in use
}

HWY_INLINE void ask_for(const PackedProduct& p, Ahead& ahead) {
  for (std::int64_t c = 0; c < ahead.channels; ++c, ahead.columns += kPanel) {
    ask_for(ahead.columns);
    if (lanes() == kPanel) ask_for(ahead.columns + p.panel);
  }
}

/// `count` rows: kCount at a time, then what is left of a group.
template <std::int64_t kCount = kRows>
void multiply_groups(PackedProduct p, std::int64_t count, Ahead ahead) {
  for (; count >= kCount; count -= kCount) {
    if constexpr (kCount == kRows) ask_for(p, ahead);
    multiply_group(p, std::make_integer_sequence<std::int64_t, 2 * kCount>());
    p.rows += p.group;
    p.to += kCount * p.to_row;
  }
  if constexpr (kCount > 1) {
    if (count > 0) multiply_groups<kCount - 1>(p, count, ahead);
  }
}

/// The product of `count` rows with the strip. The sum over the channels is one of partial sums,
/// which stay in the first cache and round less.
inline void multiply_packed(const PackedProduct& all_of_it, std::int64_t count) {
  const auto column_at = [&](std::int64_t column) {
    return all_of_it.strip + column / kPanel * all_of_it.panel + column % kPanel;
  };
  const std::int64_t groups = std::max<std::int64_t>(count / kRows, 1);
  for (std::int64_t column = 0; column < kStrip; column += 2 * lanes()) {
    for (std::int64_t c = 0; c < all_of_it.channels; c += kPartialSum) {
      PackedProduct p = all_of_it;
      p.rows += c * kRows;
      p.strip = column_at(column) + c * kPanel;
      p.channels = std::min(kPartialSum, p.channels - c);
      p.to += column;
      p.add = p.add || c > 0;
      const bool is_last = c + kPartialSum >= all_of_it.channels;
      multiply_groups(p, count,
                      {is_last ? column_at(column + 2 * lanes()) : p.strip + kPartialSum * kPanel,
                       (p.channels + groups - 1) / groups});
    }
  }
}

#endif

}  // namespace freeinit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
