#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <atomic>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Whether nobody but its owner knows `tensor` any more, so that it may be written again. Not so on
/// a GPU, where work that reads it may still be queued.
inline bool may_write_again(const at::Tensor& tensor) {
  const bool alone = tensor.defined() && tensor.is_cpu() && tensor.use_count() == 1 &&
                     tensor.storage().use_count() == 1;
  // Counts are read without order; this orders what the last other owner read before our writes.
  if (alone) std::atomic_thread_fence(std::memory_order_acquire);
  return alone;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
