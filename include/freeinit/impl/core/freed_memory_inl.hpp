#pragma once

#include <freeinit/core/freed_memory.hpp>

#include <cstdlib>  // defines __GLIBC__ where it is

#ifdef __GLIBC__
#include <malloc.h>

#include <limits>
#endif

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE void keep_freed_memory() noexcept {
#ifdef __GLIBC__
  constexpr int kNever = std::numeric_limits<int>::max();  // in bytes
  mallopt(M_MMAP_THRESHOLD, kNever);
  mallopt(M_TRIM_THRESHOLD, kNever);
#endif
}

}  // namespace freeinit::inline FREEINIT_ABI
