#include <freeinit/kernels/attention.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "attention_strip.hpp"

namespace freeinit::kernels {

namespace {

/// Strips of a head from which on it pays to copy its keys and values first.
constexpr std::int64_t kManyStrips = 8;

/// Not so where a row lies behind the other already.
bool pays_to_copy(const Attention& attention, std::int64_t strips) {
  return strips >= kManyStrips &&
         (attention.keys.row != attention.width || attention.values.row != attention.width);
}

/// The rows of keys or values from `from` on, one behind the other in `to`.
Sequences<const float> copy_rows(const Attention& attention, const float* from, std::int64_t row,
                                 float* to) {
  for (std::int64_t key = 0; key < attention.num_keys; ++key)
    std::copy_n(from + key * row, attention.width, to + key * attention.width);
  return {to, 0, 0, attention.width};
}

/// The attention in that head alone, with its keys and values copied to `memory`: where they come
/// from, other heads are between them, and they get in each other's way in the cache.
Attention with_copies(const Attention& attention, std::int64_t batch, std::int64_t head,
                      std::vector<float>& memory) {
  const std::int64_t size = attention.num_keys * attention.width;
  memory.resize(static_cast<std::size_t>(2 * size));
  const Sequences<const float>& keys = attention.keys;
  const Sequences<const float>& values = attention.values;
  Attention here = attention;
  here.keys = copy_rows(attention, keys.at(batch, head, 0), keys.row, memory.data());
  here.values = copy_rows(attention, values.at(batch, head, 0), values.row, memory.data() + size);
  return here;
}

/// Memory that begins with one: no vector then lies in two.
struct alignas(64) CacheLine {
  float floats[16];
};

}  // namespace

void attend(const AttentionKernels& kernels, const Attention& attention, const Parallel& parallel) {
  const std::int64_t strips = (attention.num_queries + kStrip - 1) / kStrip;
  parallel(attention.batches * attention.heads * strips, [&](std::int64_t begin, std::int64_t end) {
    const auto size = static_cast<std::size_t>(strip_memory(attention)) * sizeof(float);
    std::vector<CacheLine> memory((size + sizeof(CacheLine) - 1) / sizeof(CacheLine));
    std::vector<float> copies;
    Attention here = attention;
    const bool copies_rows = pays_to_copy(attention, strips);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t batch = i / strips / attention.heads;
      const std::int64_t head = i / strips % attention.heads;
      const std::int64_t query = i % strips * kStrip;
      if (copies_rows && (i == begin || query == 0))
        here = with_copies(attention, batch, head, copies);
      kernels.attend_strip(here, batch, head, query,
                           std::min(kStrip, attention.num_queries - query), memory.data()->floats);
    }
  });
}

}  // namespace freeinit::kernels
