// For targets whose input is a safetensors file: its header is JSON behind the eight bytes of its
// length, which follows the header three times out of four.
#include "fuzz/json_mutator.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  constexpr std::size_t kLength = 8;
  std::uint64_t length = 0;
  if (size >= kLength)
    std::memcpy(&length, data, kLength);  // little endian, as the fuzzers' machines
  if (size < kLength || length > size - kLength || seed % 4 == 0) {
    return LLVMFuzzerMutate(data, size, most);
  }
  const std::vector<std::uint8_t> tail(data + kLength + length, data + size);
  const std::size_t room = most - std::min(most, kLength + tail.size());
  if (room < length) return LLVMFuzzerMutate(data, size, most);
  length = fuzz::mutate_json(data + kLength, length, room, seed);
  std::memcpy(data, &length, kLength);
  std::copy(tail.begin(), tail.end(), data + kLength + length);
  return kLength + length + tail.size();
}
