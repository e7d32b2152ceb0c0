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

/// Removes what killed processes were writing in `folder`: what nobody holds the lock of. That of
/// a process which just begins may be among it; `open_hidden` sees that.
inline void remove_left_behind(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::directory_iterator entry(folder, ignored), end;
  for (; !ignored && entry != end; entry.increment(ignored)) {
    if (!is_hidden_name(entry->path().filename().string())) continue;
    const int descriptor =
        ::open(entry->path().c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) continue;
    std::error_code failure;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
      std::filesystem::remove_all(entry->path(), failure);
    }
    ::close(descriptor);  // no sooner: the lock tells its maker that it goes
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

/// A file or folder under a hidden name.
struct HiddenOutput {
  std::filesystem::path path{};
  int descriptor = -1;  ///< -1: there is none
};

/// Makes it, not locked yet.
inline int create_hidden(const std::filesystem::path& path, bool is_folder) {
  constexpr mode_t kFile = 0666;
  constexpr mode_t kFolder = 0777;
  if (!is_folder) return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kFile);
  if (::mkdir(path.c_str(), kFolder) != 0) return -1;
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/// Takes the lock of what was just made. False where `remove_left_behind` of another process came
/// first: it holds the lock, or the name has gone. Without locks nobody removes anything.
inline bool lock_hidden(const HiddenOutput& made) {
  if (::flock(made.descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
  struct stat ignored {};
  return ::lstat(made.path.c_str(), &ignored) == 0;
}

/// A new file or folder in `folder`, locked; without a descriptor where that is not to be had.
/// `path`: as for `hidden_name`.
inline HiddenOutput open_hidden(const std::filesystem::path& folder,
                                const std::filesystem::path& path, bool is_folder) {
  constexpr int kMostTries = 100;  // the second is rare
  for (int i = 0; i < kMostTries; ++i) {
    HiddenOutput made{.path = hidden_name(folder, path)};
    made.descriptor = create_hidden(made.path, is_folder);
    if (made.descriptor < 0 && errno != ENOENT) break;  // ENOENT: a folder that went at once
    if (made.descriptor < 0) continue;
    if (lock_hidden(made)) return made;
    ::close(made.descriptor);
  }
  return {};
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
