// Attention in bfloat16 by the products that AVX512-BF16 has: two neighbouring values each at a
// time, summed up in float32. As attention_vectors.cpp, with pairs in the place of values: of
// neighbouring values of a head in scores, of neighbouring keys in results. Highway before 1.1 does
// not have these products.

#include <freeinit/kernels/attention.hpp>

#include "attention_strip.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bf16"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bf16")
#endif

namespace freeinit::kernels {
namespace {

using Pair = std::uint32_t;  ///< of bfloat16, the first one in the lower half

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kRows = 12;
static_assert(kStrip == 2 * kLanes);

inline __m512bh pairs(__m512i bits) {
  return reinterpret_cast<__m512bh>(bits);
}

/// Rows of pairs, row r's pair c at rows[r * row + c * step], times columns [channels,kStrip] of
/// pairs, to floats [rows,kStrip]; `add`: to what is there.
struct PairProduct {
  const Pair* rows;
  std::int64_t row;
  std::int64_t step;
  const Pair* columns;
  std::int64_t channels;
  float* to;
  bool add;
};

template <std::int64_t... r>
inline void multiply_rows(const PairProduct& p,
                          std::integer_sequence<std::int64_t, r...> /*rows*/) {
  __m512 left[sizeof...(r)];
  __m512 right[sizeof...(r)];
  ((left[r] = p.add ? _mm512_loadu_ps(p.to + r * kStrip) : _mm512_setzero_ps()), ...);
  ((right[r] = p.add ? _mm512_loadu_ps(p.to + r * kStrip + kLanes) : _mm512_setzero_ps()), ...);
  for (std::int64_t c = 0; c < p.channels; ++c) {
    const __m512bh first = pairs(_mm512_loadu_si512(p.columns + c * kStrip));
    const __m512bh second = pairs(_mm512_loadu_si512(p.columns + c * kStrip + kLanes));
    const Pair* const rows = p.rows + c * p.step;
    ((left[r] = _mm512_dpbf16_ps(left[r], first,
                                 pairs(_mm512_set1_epi32(static_cast<int>(rows[r * p.row])))),
      right[r] = _mm512_dpbf16_ps(right[r], second,
                                  pairs(_mm512_set1_epi32(static_cast<int>(rows[r * p.row]))))),
     ...);
  }
  (_mm512_storeu_ps(p.to + r * kStrip, left[r]), ...);
  (_mm512_storeu_ps(p.to + r * kStrip + kLanes, right[r]), ...);
}

template <std::int64_t kCount = kRows>
void multiply(PairProduct p, std::int64_t count) {
  for (; count >= kCount; count -= kCount) {
    multiply_rows(p, std::make_integer_sequence<std::int64_t, kCount>());
    p.rows += kCount * p.row;
    p.to += kCount * kStrip;
  }
  if constexpr (kCount > 1) multiply<kCount - 1>(p, count);
}

/// 2^x to 1e-6, enough for what is then rounded to 8 bits. NaN of NaN.
inline __m512 power_of_two(__m512 x) {
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 rest = _mm512_sub_ps(x, whole);
  __m512 sum = _mm512_set1_ps(1.3333558e-3F);  // log(2)^n / n!
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(9.6181291e-3F));
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(5.5504109e-2F));
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(2.4022651e-1F));
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(6.9314718e-1F));
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(1.0F));
  return _mm512_scalef_ps(sum, whole);
}

/// Two vectors, rounded, as pairs.
inline __m512i to_pairs(__m512 lower, __m512 upper) {
  const __m512i low = _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(lower)));
  const __m512i high = _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(upper)));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

struct Strip {
  Pair* queries;  ///< [width / 2,kStrip]
  Pair* values;   ///< [num_keys / 2,width], rounded up
  float* scores;  ///< [kKeys,kStrip]
  Pair* shares;   ///< [kKeys / 2,kStrip]
  float* sums;    ///< [width,kStrip]
  float* largest;
  float* total;
};

void soften(const Strip& s, const Bfloat16Attention& a, std::int64_t count, bool first) {
  const __m512 scale = _mm512_set1_ps(a.scale * 1.44269504F);  // exp(x) = 2^(x / log(2))
  for (std::int64_t column = 0; column < kStrip; column += kLanes) {
    float* const scores = s.scores + column;
    const __m512 before = _mm512_loadu_ps(s.largest + column);
    __m512 largest = before;
    for (std::int64_t k = 0; k < count; ++k)
      largest = _mm512_max_ps(largest, _mm512_loadu_ps(scores + k * kStrip));
    const __m512 shift = _mm512_mul_ps(largest, scale);
    const auto share = [&](std::int64_t k) {
      if (k >= count) return _mm512_setzero_ps();
      return power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(scores + k * kStrip), scale, shift));
    };
    __m512 total = _mm512_setzero_ps();
    for (std::int64_t k = 0; k < count; k += 2) {
      const __m512 lower = share(k);
      const __m512 upper = share(k + 1);
      total = _mm512_add_ps(total, _mm512_add_ps(lower, upper));
      _mm512_storeu_si512(s.shares + k / 2 * kStrip + column, to_pairs(lower, upper));
    }
    _mm512_storeu_ps(s.largest + column, largest);
    if (first) {
      _mm512_storeu_ps(s.total + column, total);
      continue;
    }
    const __m512 shrink = power_of_two(_mm512_fmsub_ps(before, scale, shift));
    _mm512_storeu_ps(s.total + column,
                     _mm512_fmadd_ps(_mm512_loadu_ps(s.total + column), shrink, total));
    for (std::int64_t d = 0; d < a.width; ++d) {
      float* const sum = s.sums + d * kStrip + column;
      _mm512_storeu_ps(sum, _mm512_mul_ps(_mm512_loadu_ps(sum), shrink));
    }
  }
}

inline Pair pair_of(std::uint16_t lower, std::uint16_t upper) {
  return lower | static_cast<Pair>(upper) << 16;
}

/// Columns beyond `count` are zeros, and what comes of them is not looked at.
void turn_queries(const Strip& s, const Bfloat16Attention& a, const std::uint16_t* queries,
                  std::int64_t count) {
  for (std::int64_t c = 0; c < a.width / 2; ++c) {
    Pair* const to = s.queries + c * kStrip;
    for (std::int64_t i = 0; i < count; ++i)
      std::memcpy(to + i, queries + i * a.queries.row + 2 * c, sizeof(Pair));
    std::fill(to + count, to + kStrip, Pair{0});
  }
}

void pair_values(const Strip& s, const Bfloat16Attention& a, std::int64_t batch,
                 std::int64_t head) {
  for (std::int64_t k = 0; k < a.num_keys; k += 2) {
    const std::uint16_t* const lower = a.values.at(batch, head, k);
    const std::uint16_t* const upper = k + 1 < a.num_keys ? lower + a.values.row : nullptr;
    Pair* const to = s.values + k / 2 * a.width;
    for (std::int64_t d = 0; d < a.width; ++d)
      to[d] = pair_of(lower[d], upper == nullptr ? std::uint16_t{0} : upper[d]);
  }
}

void write_output(const Strip& s, const Bfloat16Attention& a, std::uint16_t* output,
                  std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const __m512 share = _mm512_set1_ps(1.0F / s.total[i]);
    for (std::int64_t d = 0; d < a.width; d += kLanes) {
      const std::int64_t there = std::min(kLanes, a.width - d);
      const auto mask = static_cast<__mmask16>((1U << there) - 1U);
      const __m512i places = _mm512_mullo_epi32(
          _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
          _mm512_set1_epi32(static_cast<int>(kStrip)));
      const __m512 sums = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, places,
                                                   s.sums + d * kStrip + i, sizeof(float));
      const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_mul_ps(sums, share));
      std::memcpy(output + i * a.output.row + d, &rounded,
                  static_cast<std::size_t>(there) * sizeof(std::uint16_t));
    }
  }
}

void attend_strip(const Strip& s, const Bfloat16Attention& a, std::int64_t batch, std::int64_t head,
                  std::int64_t query, std::int64_t count) {
  turn_queries(s, a, a.queries.at(batch, head, query), count);
  std::fill_n(s.largest, kStrip, -std::numeric_limits<float>::infinity());
  const std::int64_t row = a.keys.row / 2;
  for (std::int64_t key = 0; key < a.num_keys; key += kKeys) {
    const std::int64_t keys = std::min(kKeys, a.num_keys - key);
    multiply({.rows = reinterpret_cast<const Pair*>(a.keys.at(batch, head, key)),
              .row = row,
              .step = 1,
              .columns = s.queries,
              .channels = a.width / 2,
              .to = s.scores,
              .add = false},
             keys);
    soften(s, a, keys, key == 0);
    multiply({.rows = s.values + key / 2 * a.width,
              .row = 1,
              .step = a.width,
              .columns = s.shares,
              .channels = (keys + 1) / 2,
              .to = s.sums,
              .add = key > 0},
             a.width);
  }
  write_output(s, a, a.output.at(batch, head, query), count);
}

}  // namespace
}  // namespace freeinit::kernels

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace freeinit::kernels {

bool has_bfloat16_attention() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bf16") != 0;
}

void attend(const Bfloat16Attention& attention, const Parallel& parallel) {
  const std::int64_t strips = (attention.num_queries + kStrip - 1) / kStrip;
  parallel(attention.batches * attention.heads * strips, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t pairs = (attention.num_keys + 1) / 2 * attention.width;
    std::vector<Pair> queries(static_cast<std::size_t>(attention.width / 2 * kStrip));
    std::vector<Pair> values(static_cast<std::size_t>(pairs));
    std::vector<Pair> shares(static_cast<std::size_t>(kKeys / 2 * kStrip));
    std::vector<float> floats(static_cast<std::size_t>((kKeys + attention.width + 2) * kStrip));
    Strip strip{};
    strip.queries = queries.data();
    strip.values = values.data();
    strip.shares = shares.data();
    strip.scores = floats.data();
    strip.sums = strip.scores + kKeys * kStrip;
    strip.largest = strip.sums + attention.width * kStrip;
    strip.total = strip.largest + kStrip;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t batch = i / strips / attention.heads;
      const std::int64_t head = i / strips % attention.heads;
      const std::int64_t query = i % strips * kStrip;
      if (i == begin || query == 0) pair_values(strip, attention, batch, head);
      attend_strip(strip, attention, batch, head, query,
                   std::min(kStrip, attention.num_queries - query));
    }
  });
}

}  // namespace freeinit::kernels

#else

namespace freeinit::kernels {

bool has_bfloat16_attention() {
  return false;
}

void attend(const Bfloat16Attention& /*attention*/, const Parallel& /*parallel*/) {}

}  // namespace freeinit::kernels

#endif
