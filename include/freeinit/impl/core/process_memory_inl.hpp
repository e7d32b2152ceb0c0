#pragma once

#include <freeinit/core/process_memory.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The number behind `key` in a file of lines "key: number kB", in bytes; 0 without it.
FREEINIT_INLINE std::int64_t kilobytes_in(const char* file, const std::string& key) {
  std::ifstream lines(file);
  std::string word;
  while (lines >> word) {
    std::int64_t number = 0;
    if (word == key + ":" && lines >> number) return number * 1024;
  }
  return 0;
}

/// The number that a file consists of; nothing for another word ("max") or no file.
FREEINIT_INLINE std::optional<std::int64_t> number_in(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::int64_t number = 0;
  return stream >> number ? std::optional(number) : std::nullopt;
}

/// What the control groups of this process still give it.
FREEINIT_INLINE std::optional<std::int64_t> left_in_groups() {
  std::ifstream membership("/proc/self/cgroup");
  std::optional<std::int64_t> least;
  for (std::string line; std::getline(membership, line);) {
    if (!line.starts_with("0::/")) continue;
    const std::filesystem::path root = "/sys/fs/cgroup";
    // The limits of the groups around it hold too.
    for (std::filesystem::path group = line.substr(4);; group = group.parent_path()) {
      const auto most = number_in(root / group / "memory.max");
      const auto used = number_in(root / group / "memory.current");
      if (most && used)
        least = std::min(least.value_or(*most), std::max<std::int64_t>(*most - *used, 0));
      if (group.empty()) break;
    }
  }
  return least;
}

}  // namespace detail

FREEINIT_INLINE ProcessMemory process_memory() {
  constexpr const char* kStatus = "/proc/self/status";
  ProcessMemory memory{.resident = detail::kilobytes_in(kStatus, "VmRSS"),
                       .peak = detail::kilobytes_in(kStatus, "VmHWM"),
                       .available = detail::kilobytes_in("/proc/meminfo", "MemAvailable")};
  if (const auto left = detail::left_in_groups()) {
    memory.available = std::min(memory.available, *left);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    const std::int64_t used = detail::kilobytes_in(kStatus, "VmSize");
    const std::int64_t left = static_cast<std::int64_t>(limit.rlim_cur) - used;
    memory.available = std::min(memory.available, std::max<std::int64_t>(left, 0));
  }
  return memory;
}

}  // namespace freeinit::inline FREEINIT_ABI
