#pragma once

#include <cstdint>
#include <functional>

namespace freeinit::kernels {

/// body(begin, end), to be called for parts of 0..count that are there once each.
using Part = std::function<void(std::int64_t begin, std::int64_t end)>;
/// Calls `body` so, on as many threads as it likes, and returns when all is done.
using Parallel = std::function<void(std::int64_t count, const Part& body)>;

}  // namespace freeinit::kernels
