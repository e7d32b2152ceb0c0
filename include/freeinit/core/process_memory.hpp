#pragma once

#include <freeinit/core/config.hpp>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {

/// Memory of this process, in bytes; 0 where the system does not tell.
struct ProcessMemory {
  std::int64_t resident = 0;   ///< in use now
  std::int64_t peak = 0;       ///< the most that was in use
  std::int64_t available = 0;  ///< what it can still have: of the machine, and by its limits
  /// Whether the system said both; else all that is unknown is 0.
  [[nodiscard]] bool is_known() const noexcept { return resident > 0 && available > 0; }
};

/// What the system says now: Linux's figures, the limits of control groups of both versions, and
/// `ulimit -v`.
[[nodiscard]] FREEINIT_API ProcessMemory process_memory();

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/core/process_memory_inl.hpp>
#endif
