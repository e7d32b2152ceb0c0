#pragma once

/// Attention, on pointers and sizes alone. The scores of some queries with some keys are
/// in the cache at a time (Dao et al., "FlashAttention", arXiv 2205.14135). Queries stand side by
/// side in a vector, so that short sequences and narrow heads are as fast as long and wide ones.

#include <freeinit/kernels/parallel.hpp>

#include <cstdint>
#include <string_view>

namespace freeinit::kernels {

/// The rows [batches,heads,rows,width] of queries, keys, values or results: where the first one is,
/// and how many elements on the next one of each kind. A row lies together.
template <class Float>
struct Sequences {
  Float* first;        ///< the first element of the first row
  std::int64_t batch;  ///< elements from one batch to the next
  std::int64_t head;   ///< elements from one head to the next
  std::int64_t row;    ///< elements from one row to the next

  /// Where row `of_row` of head `of_head` of batch `of_batch` begins.
  [[nodiscard]] Float* at(std::int64_t of_batch, std::int64_t of_head, std::int64_t of_row) const {
    return first + of_batch * batch + of_head * head + of_row * row;
  }
};

/// softmax(scale * Q K^T) V for each batch and head. All sizes are 1 at least.
template <class Float>
struct AttentionOf {
  std::int64_t batches;            ///< whose rows see each other alone
  std::int64_t heads;              ///< in each batch, on their own too
  std::int64_t num_queries;        ///< rows of queries and output
  std::int64_t num_keys;           ///< rows of keys and values
  std::int64_t width;              ///< of a head
  float scale;                     ///< 1 / sqrt(width) as a rule
  Sequences<const Float> queries;  ///< Q
  Sequences<const Float> keys;     ///< K
  Sequences<const Float> values;   ///< V
  Sequences<Float> output;         ///< written
};
/// Attention of float32.
using Attention = AttentionOf<float>;
/// The bits of bfloat16. Width and the distances of keys are even.
using Bfloat16Attention = AttentionOf<std::uint16_t>;

/// The kernels for one instruction set.
struct AttentionKernels;

/// As `instruction_set` of winograd.hpp.
[[nodiscard]] const AttentionKernels* attention_kernels(std::string_view capability);

/// Computes it. NaN in what a result is made of makes NaN of it.
void attend(const AttentionKernels& kernels, const Attention& attention, const Parallel& parallel);

/// Whether this processor multiplies bfloat16 (AVX512-BF16).
[[nodiscard]] bool has_bfloat16_attention();

/// The same in bfloat16 with sums in float32, on such a processor alone.
void attend(const Bfloat16Attention& attention, const Parallel& parallel);

}  // namespace freeinit::kernels
