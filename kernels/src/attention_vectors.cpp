// What attention computes in vectors, for every instruction set: foreach_target.h includes this
// file once for each. A strip are up to kStrip queries of one head, each in a column:
//
//     S = K Q^T        P = exp(S - largest of the column)        O^T = V^T P / sums of the columns
//
// Keys come in blocks. With each, the largest score of a column may grow; what was summed up before
// is then scaled down.

#include <freeinit/kernels/attention.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string_view>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention_vectors.cpp"
#include <hwy/foreach_target.h>
// Behind it, as it chooses the instruction set.
#include <hwy/highway.h>

#include "attention_strip.hpp"
#include "products_inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace freeinit::kernels::HWY_NAMESPACE {

#if HWY_NATIVE_FMA

/// The strip that is worked on, and how many columns of it are, a multiple of lanes().
struct Strip {
  float* queries;  ///< [width,kStrip], scaled
  float* scores;   ///< [kKeys,kStrip]
  float* sums;     ///< [width,kStrip]: of values
  float* largest;  ///< [kStrip]
  float* total;    ///< [kStrip]: sums of P
  std::int64_t columns;
};

constexpr float kPerLog2 = 1.44269504F;  ///< exp(x) = 2^(x / log(2))

/// 2^x for x up to 0, which rounding may pass by a little; 1 of 0 and NaN of NaN. It is 0 where it
/// would be smaller than a normal number: processors are slow with those.
HWY_INLINE Vector power_of_two(Vector x) {
  // Numbers of this size have no fraction, so adding rounds x to a whole number. Their lowest bits
  // count on from 127, as exponents do.
  const Vector count_from = all(0x1.8p23F + 127);
  const Vector counted = hn::Add(x, count_from);
  const Vector rest = hn::Sub(x, hn::Sub(counted, count_from));
  Vector sum = all(1.53533620e-4F);  // the least relative error, 2e-8; near log(2)^n / n!
  sum = hn::MulAdd(sum, rest, all(1.33988739e-3F));
  sum = hn::MulAdd(sum, rest, all(9.61843692e-3F));
  sum = hn::MulAdd(sum, rest, all(5.55033237e-2F));
  sum = hn::MulAdd(sum, rest, all(2.40226477e-1F));
  sum = hn::MulAdd(sum, rest, all(6.93147182e-1F));
  sum = hn::MulAdd(sum, rest, all(1));
  const auto bits = hn::BitCast(hn::RebindToUnsigned<Floats>(), counted);
  const Vector whole = hn::BitCast(Floats(), hn::ShiftLeft<23>(bits));
  return hn::IfThenZeroElse(hn::Lt(x, all(-126)), hn::Mul(sum, whole));
}

/// Makes P of the scores of `count` keys in the column block at `column`, and of what was summed up
/// before what it would be with the same largest score.
HWY_INLINE void soften_columns(const Strip& strip, std::int64_t column, std::int64_t count,
                               std::int64_t width, bool first) {
  float* const scores = strip.scores + column;
  const Vector before = load(strip.largest + column);
  Vector largest = before;
  Vector other = before;  // of every second key, as each waits for the one before it
  for (std::int64_t k = 0; k < count; k += 2) {
    largest = hn::Max(largest, load(scores + k * kStrip));
    other = hn::Max(other, load(scores + std::min(k + 1, count - 1) * kStrip));
  }
  largest = hn::Max(largest, other);
  // Of one rounding each, however large scores are. That of `shift` is in all of P alike.
  const Vector shift = hn::Mul(largest, all(kPerLog2));
  Vector total = all(0);
  for (std::int64_t k = 0; k < count; ++k) {
    const Vector p = power_of_two(hn::MulSub(load(scores + k * kStrip), all(kPerLog2), shift));
    total = hn::Add(total, p);
    store(scores + k * kStrip, p);
  }
  store(strip.largest + column, largest);
  if (first) {
    store(strip.total + column, total);
    return;
  }
  const Vector shrink = power_of_two(hn::Sub(hn::Mul(before, all(kPerLog2)), shift));
  store(strip.total + column, hn::MulAdd(load(strip.total + column), shrink, total));
  for (std::int64_t d = 0; d < width; ++d) {
    float* const sum = strip.sums + d * kStrip + column;
    store(sum, hn::Mul(load(sum), shrink));
  }
}

/// The transpose of [rows,columns], times `factor`, to [columns,rows]. Blocks of 4x4 go through
/// registers.
struct Turn {
  const float* from;
  std::int64_t from_row;
  float* to;
  std::int64_t to_row;
  float factor;
};

HWY_INLINE void turn_block(const Turn& t, std::int64_t row, std::int64_t column) {
  const auto load_row = [&](std::int64_t r) {
    return hn::Mul(hn::LoadU(Four(), t.from + (row + r) * t.from_row + column),
                   hn::Set(Four(), t.factor));
  };
  store_turned(load_row(0), load_row(1), load_row(2), load_row(3), t.to + column * t.to_row + row,
               t.to_row);
}

void transpose(const Turn& t, std::int64_t rows, std::int64_t columns) {
  const std::int64_t whole_rows = rows / 4 * 4;
  const std::int64_t whole_columns = columns / 4 * 4;
  for (std::int64_t row = 0; row < whole_rows; row += 4) {
    for (std::int64_t column = 0; column < whole_columns; column += 4) turn_block(t, row, column);
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = row < whole_rows ? whole_columns : 0; column < columns; ++column)
      t.to[column * t.to_row + row] = t.from[row * t.from_row + column] * t.factor;
  }
}

/// Columns beyond `count` are zeros, and what comes of them is not looked at.
void turn_queries(const Attention& a, const float* queries, std::int64_t count,
                  const Strip& strip) {
  if (count < strip.columns) std::fill_n(strip.queries, a.width * kStrip, 0.0F);
  transpose({queries, a.queries.row, strip.queries, kStrip, a.scale}, count, a.width);
}

void turn_output(const Attention& a, const Strip& strip, std::int64_t count, float* output) {
  for (std::int64_t column = 0; column < strip.columns; column += lanes()) {
    const Vector share = hn::Div(all(1), load(strip.total + column));
    for (std::int64_t d = 0; d < a.width; ++d) {
      float* const sum = strip.sums + d * kStrip + column;
      store(sum, hn::Mul(load(sum), share));
    }
  }
  transpose({strip.sums, kStrip, output, a.output.row, 1}, a.width, count);
}

/// `count` queries from `query` on.
void attend_strip(const Attention& a, std::int64_t batch, std::int64_t head, std::int64_t query,
                  std::int64_t count, float* memory) {
  Strip strip{};
  strip.queries = memory;
  strip.sums = strip.queries + a.width * kStrip;
  strip.scores = strip.sums + a.width * kStrip;
  strip.largest = strip.scores + kKeys * kStrip;
  strip.total = strip.largest + kStrip;
  strip.columns = (count + lanes() - 1) / lanes() * lanes();
  turn_queries(a, a.queries.at(batch, head, query), count, strip);
  std::fill_n(strip.largest, strip.columns, -std::numeric_limits<float>::infinity());
  for (std::int64_t key = 0; key < a.num_keys; key += kKeys) {
    const std::int64_t keys = std::min(kKeys, a.num_keys - key);
    multiply_strip<Rows::straight>({.rows = a.keys.at(batch, head, key),
                                    .row = a.keys.row,
                                    .strip = strip.queries,
                                    .channels = a.width,
                                    .to = strip.scores,
                                    .to_row = kStrip,
                                    .add = false},
                                   keys, strip.columns);
    for (std::int64_t column = 0; column < strip.columns; column += lanes())
      soften_columns(strip, column, keys, a.width, key == 0);
    multiply_strip<Rows::turned>({.rows = a.values.at(batch, head, key),
                                  .row = a.values.row,
                                  .strip = strip.scores,
                                  .channels = keys,
                                  .to = strip.sums,
                                  .to_row = kStrip,
                                  .add = key > 0},
                                 a.width, strip.columns);
  }
  turn_output(a, strip, count, a.output.at(batch, head, query));
}

const AttentionKernels* attention_set() {
  static constexpr AttentionKernels set{attend_strip};
  return &set;
}

#else

const AttentionKernels* attention_set() {
  return nullptr;
}

#endif

}  // namespace freeinit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include "targets.hpp"

namespace freeinit::kernels {

HWY_EXPORT(attention_set);

const AttentionKernels* attention_kernels(std::string_view capability) {
  const auto index = chosen_target(capability, std::size(HWY_DISPATCH_TABLE(attention_set)));
  return index ? HWY_DISPATCH_TABLE(attention_set)[*index]() : nullptr;
}

}  // namespace freeinit::kernels

#endif
