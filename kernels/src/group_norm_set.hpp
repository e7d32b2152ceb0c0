#pragma once

#include <freeinit/kernels/group_norm.hpp>

#include <cstdint>

namespace freeinit::kernels {

struct GroupNormKernels {
  /// One group of one batch.
  void (*normalise_group)(const GroupNorm& norm, std::int64_t batch, std::int64_t group);
};

}  // namespace freeinit::kernels
