// What group norm computes in vectors, for every instruction set: foreach_target.h includes this
// file once for each. Sums of values and of their squares are in double, where products of floats
// are exact: one reading is enough, and a mean far from zero takes nothing from the variance. Value
// i of a row of pixels goes into sum i % kStrip, whatever the vectors hold.

#include <freeinit/kernels/group_norm.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <string_view>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "group_norm_vectors.cpp"
#include <hwy/foreach_target.h>
// Behind it, as they choose the instruction set.
#include <hwy/contrib/math/math-inl.h>

#include "group_norm_set.hpp"
#include "vectors_inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace freeinit::kernels::HWY_NAMESPACE {

#if HWY_NATIVE_FMA && HWY_HAVE_FLOAT64

using Doubles = hn::CappedTag<double, kMostLanes / 2>;
using Wide = hn::Vec<Doubles>;
constexpr std::int64_t kRead = 1024;  ///< values of a row that are read at once, in the first cache

struct Sums {
  double* values;   ///< [kStrip]
  double* squares;  ///< [kStrip]
};

/// Adds `count` values, a multiple of kStrip.
HWY_INLINE void add_strips(const float* from, std::int64_t count, const Sums& sums) {
  const Doubles wide;
  const hn::Rebind<float, Doubles> narrow;
  const auto size = static_cast<std::int64_t>(hn::Lanes(wide));
  // Four vectors at a time: so many sums are needed to not wait for one.
  for (std::int64_t column = 0; column < kStrip; column += 4 * size) {
    double* const values = sums.values + column;
    double* const squares = sums.squares + column;
    Wide v0 = hn::LoadU(wide, values);
    Wide v1 = hn::LoadU(wide, values + size);
    Wide v2 = hn::LoadU(wide, values + 2 * size);
    Wide v3 = hn::LoadU(wide, values + 3 * size);
    Wide s0 = hn::LoadU(wide, squares);
    Wide s1 = hn::LoadU(wide, squares + size);
    Wide s2 = hn::LoadU(wide, squares + 2 * size);
    Wide s3 = hn::LoadU(wide, squares + 3 * size);
    const auto add = [&](const float* at, Wide& value, Wide& square) {
      const Wide x = hn::PromoteTo(wide, hn::LoadU(narrow, at));
      value = hn::Add(value, x);
      square = hn::MulAdd(x, x, square);
    };
    for (const float* at = from + column; at < from + count; at += kStrip) {
      add(at, v0, s0);
      add(at + size, v1, s1);
      add(at + 2 * size, v2, s2);
      add(at + 3 * size, v3, s3);
    }
    hn::StoreU(v0, wide, values);
    hn::StoreU(v1, wide, values + size);
    hn::StoreU(v2, wide, values + 2 * size);
    hn::StoreU(v3, wide, values + 3 * size);
    hn::StoreU(s0, wide, squares);
    hn::StoreU(s1, wide, squares + size);
    hn::StoreU(s2, wide, squares + 2 * size);
    hn::StoreU(s3, wide, squares + 3 * size);
  }
}

HWY_INLINE void add_row(const float* row, std::int64_t count, const Sums& sums) {
  const std::int64_t whole = count / kStrip * kStrip;
  for (std::int64_t i = 0; i < whole; i += kRead)
    add_strips(row + i, std::min(kRead, whole - i), sums);
  if (whole == count) return;
  HWY_ALIGN float rest[kStrip] = {};
  std::copy(row + whole, row + count, rest);
  add_strips(rest, kStrip, sums);
}

/// How the values of a channel change: (x - mean) * scale + shift. The mean is not within `shift`,
/// as one that is far from zero would round it.
struct Change {
  float mean;
  float scale;
  float shift;
};

/// That of a vector, or SiLU of it.
template <bool kSilu>
HWY_INLINE Vector normalised(Vector x, const Change& change) {
  const Vector y = hn::MulAdd(hn::Sub(x, all(change.mean)), all(change.scale), all(change.shift));
  if constexpr (!kSilu) return y;
  // Beyond, Exp is not finite, and the result rounds to zero.
  const Vector power = hn::Min(hn::Neg(y), all(88));
  return hn::Div(y, hn::Add(all(1), hn::Exp(Floats(), power)));
}

template <bool kSilu>
HWY_INLINE void write_row(const float* row, std::int64_t count, const Change& change, float* to) {
  const std::int64_t whole = count / lanes() * lanes();
  for (std::int64_t i = 0; i < whole; i += lanes())
    store(to + i, normalised<kSilu>(load(row + i), change));
  if (whole == count) return;
  HWY_ALIGN float rest[kMostLanes] = {};
  std::copy(row + whole, row + count, rest);
  store(rest, normalised<kSilu>(load(rest), change));
  std::copy_n(rest, count - whole, to + whole);
}

void normalise_group(const GroupNorm& n, std::int64_t batch, std::int64_t group) {
  const std::int64_t channels = n.channels / n.groups;
  const std::int64_t first = group * channels;
  const auto row = [&](std::int64_t channel, std::int64_t frame) {
    return n.input + batch * n.batch + channel * n.channel + frame * n.frame;
  };
  HWY_ALIGN double values[kStrip] = {};
  HWY_ALIGN double squares[kStrip] = {};
  for (std::int64_t c = first; c < first + channels; ++c) {
    for (std::int64_t f = 0; f < n.frames; ++f) add_row(row(c, f), n.pixels, {values, squares});
  }
  double sum = 0;
  double square = 0;
  for (std::int64_t i = 0; i < kStrip; ++i) {
    sum += values[i];
    square += squares[i];
  }
  const auto count = static_cast<double>(channels * n.frames * n.pixels);
  const double mean = sum / count;
  const double difference = square / count - mean * mean;
  const double variance = difference < 0 ? 0 : difference;  // NaN stays
  const double factor = 1 / std::sqrt(variance + n.epsilon);
  for (std::int64_t c = first; c < first + channels; ++c) {
    Change change{};
    change.mean = static_cast<float>(mean);
    change.scale = static_cast<float>(factor * n.weight[c]);
    change.shift = static_cast<float>(n.bias[c] - (mean - change.mean) * change.scale);
    for (std::int64_t f = 0; f < n.frames; ++f) {
      float* const to = n.output + ((batch * n.channels + c) * n.frames + f) * n.pixels;
      if (n.silu)
        write_row<true>(row(c, f), n.pixels, change, to);
      else
        write_row<false>(row(c, f), n.pixels, change, to);
    }
  }
}

const GroupNormKernels* group_norm_set() {
  static constexpr GroupNormKernels set{normalise_group};
  return &set;
}

#else

const GroupNormKernels* group_norm_set() {
  return nullptr;
}

#endif

}  // namespace freeinit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include "targets.hpp"

namespace freeinit::kernels {

HWY_EXPORT(group_norm_set);

const GroupNormKernels* group_norm_kernels(std::string_view capability) {
  const auto index = chosen_target(capability, std::size(HWY_DISPATCH_TABLE(group_norm_set)));
  return index ? HWY_DISPATCH_TABLE(group_norm_set)[*index]() : nullptr;
}

}  // namespace freeinit::kernels

#endif
