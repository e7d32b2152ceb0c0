#pragma once

#include <freeinit/core/config.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

// What an output is written into before it has its name: a file without a name where the file
// system has such, which the end of the process removes however it comes; else a hidden one, whose
// lock says that somebody still writes. `inline` in both modes: units of two layers share it.
namespace freeinit::inline FREEINIT_ABI::detail {

inline constexpr std::string_view kHiddenName = ".freeinit-";
inline constexpr std::size_t kHiddenDigits = 16;

/// A hidden name nobody else uses, with the extension of `path` (writers choose by it).
inline std::filesystem::path hidden_name(const std::filesystem::path& folder,
                                         const std::filesystem::path& path) {
  std::random_device random;
  std::array<char, kHiddenDigits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x%08x", random(), random());
  return folder / (std::string(kHiddenName) + digits.data() + path.extension().string());
}

inline bool is_hidden_name(std::string_view name) {
  if (!name.starts_with(kHiddenName)) return false;
  name.remove_prefix(kHiddenName.size());
  const std::size_t digits = std::min(name.find_first_not_of("0123456789abcdef"), name.size());
  return digits == kHiddenDigits && (name.size() == digits || name[digits] == '.');
}

/// Seconds after which a file without a lock has been left: a younger one may just not be locked
/// yet.
inline constexpr std::time_t kOldAge = 5;
/// For folders of a single run: it has just begun, and what is there without a lock is not its own.
inline constexpr std::time_t kAnyAge = 0;

/// Whether an open file or folder was left by a process that ended: nobody holds its lock.
inline bool is_left_behind(int descriptor, std::time_t age) {
  struct stat info {};
  return ::fstat(descriptor, &info) == 0 &&
         (age == kAnyAge || info.st_mtime + age < std::time(nullptr)) &&
         ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
}

/// Removes what killed processes were writing in `folder` and is `age` seconds old.
inline void remove_left_behind(const std::filesystem::path& folder, std::time_t age = kOldAge) {
  std::error_code ignored;
  std::filesystem::directory_iterator entry(folder, ignored), end;
  for (; !ignored && entry != end; entry.increment(ignored)) {
    if (!is_hidden_name(entry->path().filename().string())) continue;
    const int descriptor =
        ::open(entry->path().c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) continue;
    std::error_code failure;
    if (is_left_behind(descriptor, age)) std::filesystem::remove_all(entry->path(), failure);
    ::close(descriptor);
  }
}

/// The path under which the file of a descriptor can be opened again, with a name or without.
inline std::filesystem::path path_of(int descriptor) {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

/// A new file without a name in `folder`, or -1 where that is not to be had.
inline int open_unnamed(const std::filesystem::path& folder) {
  constexpr mode_t kMode = 0666;  // less the umask, as of every file
  const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, kMode);
  if (descriptor < 0 || ::access(path_of(descriptor).c_str(), W_OK) == 0) return descriptor;
  ::close(descriptor);  // no /proc
  return -1;
}

/// A new file or folder under a hidden name, locked, or -1.
inline int open_hidden(const std::filesystem::path& path, bool folder) {
  constexpr mode_t kFile = 0666;
  constexpr mode_t kFolder = 0777;
  if (folder && ::mkdir(path.c_str(), kFolder) != 0) return -1;
  const int descriptor = ::open(
      path.c_str(),
      folder ? O_RDONLY | O_DIRECTORY | O_CLOEXEC : O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kFile);
  if (descriptor >= 0) static_cast<void>(::flock(descriptor, LOCK_EX | LOCK_NB));
  return descriptor;
}

/// Has the disk take what was written. False where it could not; file systems that have no such
/// thing count as done.
inline bool reach_disk(int descriptor) {
  return ::fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP;
}

inline bool reach_disk(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool reached = reach_disk(descriptor);
  ::close(descriptor);
  return reached;
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
