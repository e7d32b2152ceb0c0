#pragma once

// Numbers that kernels are given, what they are compared by, and the kernels of each instruction
// set.

#include <freeinit/kernels/parallel.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kernel_values {

using Values = std::vector<float>;

/// Numbers in -1..1, the same everywhere.
inline Values numbers(std::int64_t count, std::uint32_t seed) {
  Values values(static_cast<std::size_t>(count));
  for (float& value : values) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(static_cast<std::int32_t>(seed) >> 8) * 0x1p-23F;
  }
  return values;
}

/// FNV-1a of the bits.
inline std::uint64_t hash(const Values& values) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8)
      hash = (hash ^ (bits >> shift & 0xffU)) * 0x100000001b3U;
  }
  return hash;
}

inline void at_once(std::int64_t count, const freeinit::kernels::Part& body) {
  body(0, count);
}

/// What `find` has for the instruction sets of this processor.
template <class Find>
auto kernels_of(const Find& find) {
  std::vector<decltype(find("AVX2"))> sets;
  for (const char* const capability : {"AVX512", "AVX2"}) {
    const auto set = find(capability);
    if (set != nullptr && (sets.empty() || sets.back() != set)) sets.push_back(set);
  }
  return sets;
}

}  // namespace kernel_values
