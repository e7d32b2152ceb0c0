// The kernels of a convolution, transformed in vectors and packed for products. Included once for
// each instruction set, so guarded by Highway's toggle and not by `#pragma once`.
#if defined(FREEINIT_KERNELS_WINOGRAD_KERNELS) == defined(HWY_TARGET_TOGGLE)
#ifdef FREEINIT_KERNELS_WINOGRAD_KERNELS
#undef FREEINIT_KERNELS_WINOGRAD_KERNELS
#else
#define FREEINIT_KERNELS_WINOGRAD_KERNELS
#endif

#include <algorithm>
#include <cstdint>

#include "products_inl.hpp"
#include "winograd_tiling.hpp"
#include "winograd_transforms_inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace freeinit::kernels::HWY_NAMESPACE {

#if HWY_NATIVE_FMA

static_assert(kMostRows % kRows == 0);                     // memory is made for groups of that many
static_assert(kRows % 4 == 0 || kRows + 2 <= kMostLanes);  // they are turned in fours
constexpr std::int64_t kTurned = 8;  ///< channels whose kernels are turned at a time

/// Taps of `channels` channels from `channel` on, [channels,taps][output channel]. Where there are
/// fewer than kRows output channels, the last one comes again. The channels behind them are asked
/// for: these are too many short pieces of memory for a processor to foresee.
template <std::int64_t kTaps>
HWY_INLINE void turn_taps(const Kernels& kernels, std::int64_t channel, std::int64_t channels,
                          float (*taps)[kMostLanes]) {
  const std::int64_t count = channels * kTaps;
  for (std::int64_t k = 0; k < kRows; k += 4) {
    const float* rows[4];
    for (std::int64_t i = 0; i < 4; ++i) {
      rows[i] = kernels.first + std::min(k + i, kernels.count - 1) * kernels.row + channel * kTaps;
      for (std::int64_t t = 0; t < count; t += 16) hwy::Prefetch(rows[i] + count + t);
    }
    std::int64_t t = 0;
    const auto four = [&](std::int64_t i) { return hn::LoadU(Four(), rows[i] + t); };
    for (; t + 4 <= count; t += 4)
      store_turned(four(0), four(1), four(2), four(3), taps[t] + k, kMostLanes);
    for (; t < count; ++t) {
      for (std::int64_t i = 0; i < 4; ++i) taps[t][k + i] = rows[i][t];
    }
  }
}

/// G g G^T of kernels [3,3][kMostLanes].
template <class Tiling>
HWY_INLINE void transform_taps(const float* taps, float* to, std::int64_t plane) {
  HWY_ALIGN float down[Tiling::kAxis][kKernel][kMostLanes];
  for (std::int64_t x = 0; x < kKernel; ++x) {
    transform_kernel<Tiling::kValues>({taps + x * kMostLanes, kKernel * kMostLanes},
                                      {down[0][x], kKernel * kMostLanes});
  }
  for (std::int64_t y = 0; y < Tiling::kAxis; ++y) {
    transform_kernel<Tiling::kValues>({down[y][0], kMostLanes},
                                      {to + y * Tiling::kAxis * plane, plane});
  }
}

/// G g of kernels [3][kMostLanes].
template <>
HWY_INLINE void transform_taps<FrameTiling>(const float* taps, float* to, std::int64_t plane) {
  transform_kernel({taps, kMostLanes}, {to, plane});
}

/// To [channel][kRows] of each plane. The last lanes of a vector may lie behind these rows, where
/// the next channel's come afterwards; behind the last channel there may be another thread's.
template <class Tiling>
void transform_kernels(const Kernels& kernels, float* to, std::int64_t plane) {
  HWY_ALIGN float taps[kTurned * Tiling::kTaps][kMostLanes] = {};
  HWY_ALIGN float last[Tiling::kPlanes][kMostLanes];
  for (std::int64_t c = 0; c < kernels.channels; ++c) {
    const std::int64_t turned = c % kTurned;
    if (turned == 0)
      turn_taps<Tiling::kTaps>(kernels, c, std::min(kTurned, kernels.channels - c), taps);
    const bool is_last = c + 1 == kernels.channels;
    for (std::int64_t lane = 0; lane < kRows; lane += lanes()) {
      transform_taps<Tiling>(taps[turned * Tiling::kTaps] + lane,
                             (is_last ? last[0] : to + c * kRows) + lane,
                             is_last ? kMostLanes : plane);
    }
  }
  for (std::int64_t p = 0; p < Tiling::kPlanes; ++p)
    std::copy_n(last[p], kRows, to + (kernels.channels - 1) * kRows + p * plane);
}

#endif

}  // namespace freeinit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
