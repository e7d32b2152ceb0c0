#pragma once

#include <freeinit/core/config.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

// The limits of memory of the control groups that this process is in. A system may have both
// versions beside each other, with memory in either. `root` is "/", and another folder in tests.
// `inline` in both modes, for those tests.
namespace freeinit::inline FREEINIT_ABI::detail {

enum class GroupVersion { first, second };

/// The number that a file consists of; nothing for another word ("max") or no file.
inline std::optional<std::int64_t> number_in(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::int64_t number = 0;
  return stream >> number ? std::optional(number) : std::nullopt;
}

/// The number behind the word `key` in a file; nothing without it.
inline std::optional<std::int64_t> number_behind(const std::filesystem::path& file,
                                                 const std::string& key) {
  std::ifstream words(file);
  for (std::string word; words >> word;) {
    std::int64_t number = 0;
    if (word == key && words >> number) return number;
  }
  return std::nullopt;
}

/// Whether "memory" is among the words of "cpu,memory".
inline bool names_memory(const std::string& list) {
  return ("," + list + ",").find(",memory,") != std::string::npos;
}

/// The group of this process, as the system calls it: of the lines "4:cpu,memory:/group" of the
/// first version, and "0::/group" of the second.
inline std::optional<std::filesystem::path> own_group(const std::filesystem::path& root,
                                                      GroupVersion version) {
  std::ifstream lines(root / "proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t list = line.find(':') + 1;
    const std::size_t group = line.find(':', list) + 1;
    if (list == 0 || group == 0) continue;
    const std::string controllers = line.substr(list, group - 1 - list);
    const bool fits =
        version == GroupVersion::first ? names_memory(controllers) : controllers.empty();
    if (fits) return line.substr(group);
  }
  return std::nullopt;
}

/// Where groups are mounted, and which of them stands there: in a container it may be one of the
/// machine's.
struct GroupMount {
  std::filesystem::path place{};
  std::filesystem::path group{};
};

inline std::optional<GroupMount> group_mount(const std::filesystem::path& root,
                                             GroupVersion version) {
  std::ifstream lines(root / "proc/self/mountinfo");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word, group, place, type, source, options;
    words >> word >> word >> word >> group >> place;
    while (words >> word && word != "-") continue;  // options, of which there are several
    words >> type >> source >> options;
    const bool fits = version == GroupVersion::first ? type == "cgroup" && names_memory(options)
                                                     : type == "cgroup2";
    if (fits) return GroupMount{root / std::filesystem::path(place).relative_path(), group};
  }
  return std::nullopt;
}

/// The folders of the groups that this process is in: its own, then those around it as far as they
/// are seen here.
inline std::vector<std::filesystem::path> group_folders(const std::filesystem::path& root,
                                                        GroupVersion version) {
  const auto own = own_group(root, version);
  const auto mount = group_mount(root, version);
  if (!own || !mount) return {};
  std::filesystem::path group = own->lexically_relative(mount->group);
  // A group that is not seen has the limits of the mounted one at least.
  if (group == "." || (!group.empty() && *group.begin() == "..")) group.clear();
  std::vector<std::filesystem::path> folders;
  for (; !group.empty(); group = group.parent_path()) folders.push_back(mount->place / group);
  folders.push_back(mount->place);
  return folders;
}

/// What a group uses, less the cache of files that goes where memory is short: else a group that
/// has read large files would seem full.
inline std::optional<std::int64_t> used_in(const std::filesystem::path& group, const char* usage,
                                           const char* cache) {
  const auto used = number_in(group / usage);
  if (!used) return std::nullopt;
  return *used - number_behind(group / "memory.stat", cache).value_or(0);
}

/// Bytes that the groups still give this process; the largest number without a limit.
inline std::int64_t left_in_groups(const std::filesystem::path& root) {
  std::int64_t left = std::numeric_limits<std::int64_t>::max();
  const auto take = [&left](std::optional<std::int64_t> most, std::optional<std::int64_t> used) {
    if (most && used) left = std::min(left, std::max<std::int64_t>(*most - *used, 0));
  };
  for (const auto& group : group_folders(root, GroupVersion::second)) {
    take(number_in(group / "memory.max"), used_in(group, "memory.current", "inactive_file"));
  }
  const auto groups = group_folders(root, GroupVersion::first);
  for (const auto& group : groups) {
    // Without it a group does not count what the groups in it use.
    if (group != groups.front() && number_in(group / "memory.use_hierarchy") == 0) break;
    const auto used = used_in(group, "memory.usage_in_bytes", "total_inactive_file");
    take(number_in(group / "memory.limit_in_bytes"), used);
    // Of groups around it, too, which a container does not see.
    take(number_behind(group / "memory.stat", "hierarchical_memory_limit"), used);
  }
  return left;
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
