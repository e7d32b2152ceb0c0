#pragma once

#include <freeinit/core/process_memory.hpp>
#include <freeinit/impl/core/control_groups_inl.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The number behind `key` in a file of lines "key: number kB", in bytes; 0 without it.
FREEINIT_INLINE std::int64_t kilobytes_in(const char* file, const std::string& key) {
  return number_behind(file, key + ":").value_or(0) * 1024;
}

}  // namespace detail

FREEINIT_INLINE ProcessMemory process_memory() {
  constexpr const char* kStatus = "/proc/self/status";
  ProcessMemory memory{.resident = detail::kilobytes_in(kStatus, "VmRSS"),
                       .peak = detail::kilobytes_in(kStatus, "VmHWM"),
                       .available = detail::kilobytes_in("/proc/meminfo", "MemAvailable")};
  memory.available = std::min(memory.available, detail::left_in_groups("/"));
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    const std::int64_t used = detail::kilobytes_in(kStatus, "VmSize");
    const std::int64_t left = static_cast<std::int64_t>(limit.rlim_cur) - used;
    memory.available = std::min(memory.available, std::max<std::int64_t>(left, 0));
  }
  return memory;
}

}  // namespace freeinit::inline FREEINIT_ABI
