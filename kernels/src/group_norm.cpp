#include <freeinit/kernels/group_norm.hpp>

#include "group_norm_set.hpp"

namespace freeinit::kernels {

void normalise(const GroupNormKernels& kernels, const GroupNorm& norm, const Parallel& parallel) {
  parallel(norm.batches * norm.groups, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      kernels.normalise_group(norm, i / norm.groups, i % norm.groups);
  });
}

}  // namespace freeinit::kernels
