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
  mallopt(M_MMAP_MAX, 0);  // not M_MMAP_THRESHOLD: older glibc refuses more than 32 MiB there
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());  // bytes
#endif
}

FREEINIT_INLINE void give_back_freed_memory() noexcept {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace freeinit::inline FREEINIT_ABI
