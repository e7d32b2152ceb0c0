#include <freeinit/kernels/attention.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "attention_strip.hpp"

namespace freeinit::kernels {

void attend(const AttentionKernels& kernels, const Attention& attention, const Parallel& parallel) {
  const std::int64_t strips = (attention.num_queries + kStrip - 1) / kStrip;
  parallel(attention.batches * attention.heads * strips, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> memory(static_cast<std::size_t>(strip_memory(attention)));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t sequence = i / strips;
      const std::int64_t query = i % strips * kStrip;
      kernels.attend_strip(attention, sequence / attention.heads, sequence % attention.heads, query,
                           std::min(kStrip, attention.num_queries - query), memory.data());
    }
  });
}

}  // namespace freeinit::kernels
