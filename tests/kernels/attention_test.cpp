// Against the definition in double, for every instruction set that this processor has.
#include <freeinit/kernels/attention.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <vector>

#include "kernel_values.hpp"

namespace {

using freeinit::kernels::attend;
using freeinit::kernels::Attention;
using freeinit::kernels::attention_kernels;
using freeinit::kernels::AttentionKernels;
using freeinit::kernels::Part;
using freeinit::kernels::Sequences;
using kernel_values::numbers;
using kernel_values::Values;

/// Of the largest value.
constexpr double kTolerance = 2e-6;

std::vector<const AttentionKernels*> instruction_sets() {
  return kernel_values::kernels_of(attention_kernels);
}

/// Tensors [batches,rows,heads,width], as linear layers leave them.
struct Case {
  std::int64_t batches, heads, num_queries, num_keys, width;
  float scale;
  Values queries, keys, values, output;

  Case(std::int64_t n, std::int64_t h, std::int64_t q, std::int64_t k, std::int64_t d, float s)
      : batches(n),
        heads(h),
        num_queries(q),
        num_keys(k),
        width(d),
        scale(s),
        queries(numbers(n * q * h * d, 1)),
        keys(numbers(n * k * h * d, 2)),
        values(numbers(n * k * h * d, 3)),
        output(queries.size()) {}

  template <class Float>
  [[nodiscard]] Sequences<Float> sequences(Float* first, std::int64_t rows) const {
    return {first, rows * heads * width, width, heads * width};
  }
  [[nodiscard]] Attention attention() {
    return {batches,
            heads,
            num_queries,
            num_keys,
            width,
            scale,
            sequences<const float>(queries.data(), num_queries),
            sequences<const float>(keys.data(), num_keys),
            sequences<const float>(values.data(), num_keys),
            sequences(output.data(), num_queries)};
  }
};

/// In parts of `step`, each given to `attend` out of order.
void run(const AttentionKernels& kernels, Case& c, std::int64_t step) {
  attend(kernels, c.attention(), [&](std::int64_t count, const Part& body) {
    for (std::int64_t begin = (count - 1) / step * step; begin >= 0; begin -= step)
      body(begin, std::min(begin + step, count));
  });
}

std::vector<double> exact_row(const Attention& a, std::int64_t batch, std::int64_t head,
                              std::int64_t query) {
  std::vector<double> scores(static_cast<std::size_t>(a.num_keys));
  const float* const q = a.queries.at(batch, head, query);
  for (std::int64_t k = 0; k < a.num_keys; ++k) {
    const float* const key = a.keys.at(batch, head, k);
    double sum = 0;
    for (std::int64_t d = 0; d < a.width; ++d) sum += static_cast<double>(q[d]) * key[d];
    scores[static_cast<std::size_t>(k)] = sum * a.scale;
  }
  const double largest = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (double& score : scores) total += score = std::exp(score - largest);
  std::vector<double> row(static_cast<std::size_t>(a.width));
  for (std::int64_t k = 0; k < a.num_keys; ++k) {
    const float* const value = a.values.at(batch, head, k);
    for (std::int64_t d = 0; d < a.width; ++d)
      row[static_cast<std::size_t>(d)] += scores[static_cast<std::size_t>(k)] / total * value[d];
  }
  return row;
}

double difference(Case& c) {
  const Attention a = c.attention();
  double largest = 0;
  double difference = 0;
  for (std::int64_t i = 0; i < c.batches * c.heads * c.num_queries; ++i) {
    const std::int64_t batch = i / (c.heads * c.num_queries);
    const std::int64_t head = i / c.num_queries % c.heads;
    const auto row = exact_row(a, batch, head, i % c.num_queries);
    const float* const found = a.output.at(batch, head, i % c.num_queries);
    for (std::size_t d = 0; d < row.size(); ++d) {
      largest = std::max(largest, std::abs(row[d]));
      const double off = std::abs(row[d] - found[d]);
      difference = off <= difference ? difference : off;  // NaN stays
    }
  }
  return difference / largest;
}

TEST(Attention, IsThatOfTheDefinition) {
  for (const AttentionKernels* const set : instruction_sets()) {
    for (Case c :
         {Case(2, 8, 16, 16, 40, 0.16F), Case(1, 2, 100, 300, 40, 0.16F),  // blocks of keys
          Case(3, 1, 33, 77, 80, 0.1F), Case(2, 3, 5, 7, 3, 0.5F),         // cut everywhere
          Case(1, 1, 1, 1, 1, 1), Case(1, 1, 17, 129, 513, 0.05F),         // partial sums
          Case(1, 2, 64, 256, 8, 10), Case(1, 1, 20, 4096, 40, 0.5F),      // nearly hard, long
          Case(2, 2, 230, 150, 12, 0.3F)}) {                               // keys are copied
      run(*set, c, 1000);
      EXPECT_LT(difference(c), kTolerance)
          << c.num_queries << " queries, " << c.num_keys << " keys";
    }
  }
}

std::uint16_t narrow(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}
float wide(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// The case in bfloat16, its inputs rounded and its output widened again.
void run_in_bfloat16(Case& c) {
  std::array<std::vector<std::uint16_t>, 4> bits;
  const std::array tensors{&c.queries, &c.keys, &c.values, &c.output};
  for (std::size_t i = 0; i < 4; ++i) {
    std::ranges::transform(*tensors[i], std::back_inserter(bits[i]), narrow);
    std::ranges::transform(bits[i], tensors[i]->begin(), wide);
  }
  const Attention a = c.attention();
  const auto moved = []<class Float>(const auto& from, Float* first) {
    return Sequences<Float>{first, from.batch, from.head, from.row};
  };
  const auto inputs = [&](std::size_t i) {
    return static_cast<const std::uint16_t*>(bits[i].data());
  };
  attend(
      {a.batches, a.heads, a.num_queries, a.num_keys, a.width, a.scale, moved(a.queries, inputs(0)),
       moved(a.keys, inputs(1)), moved(a.values, inputs(2)), moved(a.output, bits[3].data())},
      [](std::int64_t count, const Part& body) { body(0, count); });
  std::ranges::transform(bits[3], c.output.begin(), wide);
}

TEST(Attention, InBfloat16IsThatOfTheDefinitionUpToItsRounding) {
  if (!freeinit::kernels::has_bfloat16_attention()) GTEST_SKIP() << "no such products here";
  for (Case c : {Case(2, 8, 16, 16, 40, 0.16F), Case(1, 2, 100, 300, 40, 0.16F),
                 Case(3, 1, 33, 77, 80, 0.1F), Case(2, 3, 5, 7, 2, 0.5F), Case(1, 1, 1, 1, 2, 1),
                 Case(1, 1, 17, 129, 514, 0.05F), Case(1, 2, 64, 257, 8, 10)}) {
    run_in_bfloat16(c);
    EXPECT_LT(difference(c), 8e-3) << c.num_queries << " queries, " << c.num_keys << " keys";
  }
  Case bad(1, 1, 40, 300, 16, 0.25F);
  bad.keys[5 * 16] = std::numeric_limits<float>::quiet_NaN();
  run_in_bfloat16(bad);
  EXPECT_TRUE(std::ranges::all_of(bad.output, [](float x) { return std::isnan(x); }));
}

TEST(Attention, PartsChangeNoBit) {
  for (const AttentionKernels* const set : instruction_sets()) {
    for (Case whole : {Case(2, 3, 70, 150, 20, 0.2F), Case(2, 3, 260, 150, 20, 0.2F)}) {
      run(*set, whole, 1000);
      for (const std::int64_t step : {1, 5}) {
        Case parts = whole;
        std::ranges::fill(parts.output, 0.0F);
        run(*set, parts, step);
        EXPECT_EQ(whole.output, parts.output) << step;
      }
    }
  }
}

// With many queries keys and values are copied, with few they are not.
TEST(Attention, OtherQueriesChangeNoBit) {
  for (const AttentionKernels* const set : instruction_sets()) {
    Case many(1, 2, 300, 150, 20, 0.2F);
    run(*set, many, 1000);
    Case few(1, 2, 50, 150, 20, 0.2F);
    few.keys = many.keys;
    few.values = many.values;
    run(*set, few, 1000);
    EXPECT_TRUE(std::equal(few.output.begin(), few.output.end(), many.output.begin()));
  }
}

TEST(Attention, InstructionSetsChangeNoBit) {
  std::vector<Values> outputs;
  for (const AttentionKernels* const set : instruction_sets()) {
    Case c(1, 2, 300, 150, 20, 1);
    run(*set, c, 1000);
    outputs.push_back(c.output);
  }
  for (const Values& output : outputs) EXPECT_EQ(output, outputs.front());
}

TEST(Attention, ScoresTooLargeForExpAreNoMatter) {
  for (const AttentionKernels* const set : instruction_sets()) {
    Case c(1, 1, 20, 200, 16, 1);
    for (float& q : c.queries) q *= 1e4F;
    run(*set, c, 1000);
    EXPECT_LT(difference(c), 1e-2);  // scores of thousands round in the tenths of thousandths
    EXPECT_TRUE(std::ranges::all_of(c.output, [](float x) { return std::isfinite(x); }));
  }
}

TEST(Attention, KeysOfNoWeightAreNotThere) {
  for (const AttentionKernels* const set : instruction_sets()) {
    for (const float score : {-88.0F, -1e3F, -1e30F, -std::numeric_limits<float>::infinity()}) {
      Case c(1, 1, 40, 300, 1, 1);
      c.queries.assign(c.queries.size(), 1);
      for (std::size_t key = 0; key < c.keys.size(); key += 3) {
        c.keys[key] = score;
        c.values[key] = 1e6F;
      }
      run(*set, c, 1000);
      EXPECT_LT(difference(c), kTolerance) << score;
    }
  }
}

// Whoever looks for what went wrong must find it in the result.
TEST(Attention, NaNAndInfinityAreNotLost) {
  for (const AttentionKernels* const set : instruction_sets()) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      Case key(1, 1, 40, 300, 16, 0.25F);
      key.keys[5 * 16] = bad;
      key.queries.assign(key.queries.size(), 1);
      run(*set, key, 1000);
      EXPECT_TRUE(std::ranges::all_of(key.output, [](float x) { return std::isnan(x); })) << bad;
      Case query(1, 1, 40, 300, 16, 0.25F);
      query.queries[3 * 16] = std::numeric_limits<float>::quiet_NaN();
      run(*set, query, 1000);
      for (std::size_t i = 0; i < query.output.size(); ++i)
        EXPECT_EQ(std::isnan(query.output[i]), i / 16 == 3) << i;
    }
  }
}

}  // namespace
