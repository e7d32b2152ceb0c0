// Vectors of floats. Included once for each instruction set, so guarded by Highway's toggle and not
// by `#pragma once`.
#if defined(FREEINIT_KERNELS_VECTORS) == defined(HWY_TARGET_TOGGLE)
#ifdef FREEINIT_KERNELS_VECTORS
#undef FREEINIT_KERNELS_VECTORS
#else
#define FREEINIT_KERNELS_VECTORS
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstdint>

#include "strip.hpp"

HWY_BEFORE_NAMESPACE();
namespace freeinit::kernels::HWY_NAMESPACE {

#if HWY_NATIVE_FMA  // without, results would be other bits, and there are no kernels

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int64_t kMostLanes = 16;
using Floats = hn::CappedTag<float, kMostLanes>;
using Vector = hn::Vec<Floats>;

HWY_INLINE std::int64_t lanes() {
  return static_cast<std::int64_t>(hn::Lanes(Floats()));
}
HWY_INLINE Vector all(float value) {
  return hn::Set(Floats(), value);
}
HWY_INLINE Vector load(const float* from) {
  return hn::LoadU(Floats(), from);
}
HWY_INLINE void store(float* to, Vector vector) {
  hn::StoreU(vector, Floats(), to);
}

using Four = hn::FixedTag<float, 4>;

/// Four rows of four floats as four columns: rows of the result, `row` elements apart.
HWY_INLINE void store_turned(hn::Vec<Four> r0, hn::Vec<Four> r1, hn::Vec<Four> r2, hn::Vec<Four> r3,
                             float* to, std::int64_t row) {
  const auto even_low = hn::InterleaveLower(Four(), r0, r2);
  const auto odd_low = hn::InterleaveLower(Four(), r1, r3);
  const auto even_high = hn::InterleaveUpper(Four(), r0, r2);
  const auto odd_high = hn::InterleaveUpper(Four(), r1, r3);
  hn::StoreU(hn::InterleaveLower(Four(), even_low, odd_low), Four(), to);
  hn::StoreU(hn::InterleaveUpper(Four(), even_low, odd_low), Four(), to + row);
  hn::StoreU(hn::InterleaveLower(Four(), even_high, odd_high), Four(), to + 2 * row);
  hn::StoreU(hn::InterleaveUpper(Four(), even_high, odd_high), Four(), to + 3 * row);
}

#endif

}  // namespace freeinit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
