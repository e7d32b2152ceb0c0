// The transforms of Winograd's algorithm in vectors. Included once for each instruction set, so
// guarded by Highway's toggle and not by `#pragma once`.
#if defined(FREEINIT_KERNELS_WINOGRAD_TRANSFORMS) == defined(HWY_TARGET_TOGGLE)
#ifdef FREEINIT_KERNELS_WINOGRAD_TRANSFORMS
#undef FREEINIT_KERNELS_WINOGRAD_TRANSFORMS
#else
#define FREEINIT_KERNELS_WINOGRAD_TRANSFORMS
#endif

#include <cstdint>

#include "vectors_inl.hpp"
#include "winograd_tiling.hpp"

HWY_BEFORE_NAMESPACE();
namespace freeinit::kernels::HWY_NAMESPACE {

#if HWY_NATIVE_FMA

/// Vectors `distance` apart. Functions take them by pointer, since vectors of SVE cannot be members
/// of anything.
template <class Float>
struct Line {
  Float* first;
  std::int64_t distance;
};
using Source = Line<const float>;

struct Store {
  HWY_INLINE void operator()(float* to, Vector vector) const { store(to, vector); }
};
/// To one of many planes that are written in turns, each strip by strip: more places than a
/// processor foresees. So the one where this plane goes on in a while is asked for now.
struct StoreToPlane {
  HWY_INLINE void operator()(float* to, Vector vector) const {
    hwy::Prefetch(to + 4 * kStrip);
    store(to, vector);
  }
};
struct StoreWithBias {
  HWY_INLINE void operator()(float* to, Vector vector) const {
    store(to, hn::Add(vector, all(bias)));
  }
  float bias;
};

/// Value `i` of a tile.
template <Values kValues>
HWY_INLINE const float* value_at(Source from, std::int64_t i) {
  return from.first + (kValues == Values::single ? i : (i + 1) / 2) * from.distance;
}

/// Plane `i` of six, which is not the third of doubled values.
template <Values kValues, class Float>
HWY_INLINE Float* plane_at(Line<Float> planes, std::int64_t i) {
  return planes.first + (kValues == Values::doubled && i > 2 ? i - 1 : i) * planes.distance;
}

/// B^T d.
template <Values kValues = Values::single, class Put = Store>
HWY_INLINE void transform_input(Source from, Line<float> to, Put put = {}) {
  const Vector d0 = load(value_at<kValues>(from, 0));
  const Vector d1 = load(value_at<kValues>(from, 1));
  const Vector d2 = load(value_at<kValues>(from, 2));
  const Vector d3 = load(value_at<kValues>(from, 3));
  const Vector d4 = load(value_at<kValues>(from, 4));
  const Vector d5 = load(value_at<kValues>(from, 5));
  const Vector even = hn::NegMulAdd(all(4), d2, d4);
  const Vector odd = hn::NegMulAdd(all(4), d1, d3);
  const Vector far_even = hn::Sub(d4, d2);
  const Vector far_odd = hn::Sub(d3, d1);
  put(plane_at<kValues>(to, 0), hn::Add(hn::MulSub(all(4), d0, hn::Mul(all(5), d2)), d4));
  put(plane_at<kValues>(to, 1), hn::Add(even, odd));
  if constexpr (kValues == Values::single) put(plane_at<kValues>(to, 2), hn::Sub(even, odd));
  put(plane_at<kValues>(to, 3), hn::MulAdd(all(2), far_odd, far_even));
  put(plane_at<kValues>(to, 4), hn::NegMulAdd(all(2), far_odd, far_even));
  put(plane_at<kValues>(to, 5), hn::Add(hn::MulSub(all(4), d1, hn::Mul(all(5), d3)), d5));
}

/// G g, but for what is multiplied by zero.
template <Values kValues = Values::single, class Put = Store>
HWY_INLINE void transform_kernel(Source from, Line<float> to, Put put = {}) {
  const Vector g0 = load(from.first);
  const Vector g1 = load(from.first + from.distance);
  const Vector g2 = load(from.first + 2 * from.distance);
  const Vector outer = hn::Add(g0, g2);
  const Vector middle = hn::Mul(g1, all(1.0F / 6));
  const Vector far_outer = hn::MulAdd(g0, all(1.0F / 24), hn::Mul(g2, all(1.0F / 6)));
  put(plane_at<kValues>(to, 0), hn::Mul(g0, all(1.0F / 4)));
  put(plane_at<kValues>(to, 1), hn::MulSub(outer, all(-1.0F / 6), middle));
  if constexpr (kValues == Values::single)
    put(plane_at<kValues>(to, 2), hn::MulAdd(outer, all(-1.0F / 6), middle));
  put(plane_at<kValues>(to, 3), hn::MulAdd(g1, all(1.0F / 12), far_outer));
  put(plane_at<kValues>(to, 4), hn::NegMulAdd(g1, all(1.0F / 12), far_outer));
  put(plane_at<kValues>(to, 5), g2);
}

/// A^T m. The zero of doubled values is added as any other sum is: it may change the sign of one.
template <Values kValues = Values::single, class Put = Store>
HWY_INLINE void transform_output(Source from, Line<float> to, Put put = {}) {
  const Vector m0 = load(plane_at<kValues>(from, 0));
  const Vector m1 = load(plane_at<kValues>(from, 1));
  const Vector m2 = kValues == Values::single ? load(plane_at<kValues>(from, 2)) : all(0);
  const Vector m3 = load(plane_at<kValues>(from, 3));
  const Vector m4 = load(plane_at<kValues>(from, 4));
  const Vector m5 = load(plane_at<kValues>(from, 5));
  const Vector sum = hn::Add(m1, m2);
  const Vector difference = hn::Sub(m1, m2);
  const Vector far_sum = hn::Add(m3, m4);
  const Vector far_difference = hn::Sub(m3, m4);
  put(to.first, hn::Add(hn::Add(m0, sum), far_sum));
  put(to.first + to.distance, hn::MulAdd(all(2), far_difference, difference));
  put(to.first + 2 * to.distance, hn::MulAdd(all(4), far_sum, sum));
  put(to.first + 3 * to.distance, hn::Add(hn::MulAdd(all(8), far_difference, difference), m5));
}

#endif

}  // namespace freeinit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
