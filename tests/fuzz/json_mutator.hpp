#pragma once

#include <cstddef>
#include <cstdint>

namespace fuzz {

/// Changes a JSON text of `size` bytes in place, in up to `most` bytes; returns its new size.
std::size_t mutate_json(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed);

}  // namespace fuzz
