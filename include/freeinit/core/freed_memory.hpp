#pragma once

#include <freeinit/core/config.hpp>

namespace freeinit::inline FREEINIT_ABI {

/// Lets the C library keep freed memory for the next tensors. By default glibc hands large blocks
/// back to the system, which clears their pages and gives them out anew: once for every activation
/// of every UNet call (benchmarks/results has the figures). A process that calls this holds what
/// it has freed until it ends. The setting is of the whole process and so not the library's to
/// make: call it in `main`, before the first tensor. Without glibc nothing happens.
FREEINIT_API void keep_freed_memory() noexcept;

/// Hands freed memory back to the system now. glibc may otherwise hold tens of MiB of networks that
/// were let go. Without glibc nothing happens.
FREEINIT_API void give_back_freed_memory() noexcept;

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/core/freed_memory_inl.hpp>
#endif
