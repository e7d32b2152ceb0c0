#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/io/temporary_output_inl.hpp>
#include <freeinit/io/output_file.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

[[noreturn]] FREEINIT_INLINE void refuse_output(const std::filesystem::path& path,
                                                const std::string& what) {
  raise(ErrorCode::io, "output '" + path.string() + "': " + what);
}

/// The file or folder that an output replaces: `path` with its links followed, there or not. Empty
/// for what must be written through: pipes, devices, sockets, and open files by their number
/// (/dev/stdout), which have no name of their own to be replaced under.
FREEINIT_INLINE std::filesystem::path replaced_by(const std::filesystem::path& path) {
  constexpr int kMostLinks = 40;  // as Linux
  std::error_code ignored;
  std::filesystem::path place = path;
  for (int i = 0; i < kMostLinks; ++i) {
    const auto behind = std::filesystem::status(place, ignored);
    if (std::filesystem::is_other(behind)) return {};
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(place, ignored))) return place;
    const auto folder = std::filesystem::weakly_canonical(place.parent_path(), ignored);
    if (folder.string().starts_with("/proc/")) return {};
    place = place.parent_path() / std::filesystem::read_symlink(place, ignored);
  }
  refuse_output(path, "too many links");
}

/// A descriptor that writes into what `path` is, which nothing replaces. Standard output and error
/// are shared with whoever else writes there, place in the file included.
FREEINIT_INLINE int open_through(const std::filesystem::path& path) {
  struct stat wanted {};
  struct stat standard {};
  if (::stat(path.c_str(), &wanted) == 0) {
    for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO}) {
      const bool same = ::fstat(descriptor, &standard) == 0 && standard.st_dev == wanted.st_dev &&
                        standard.st_ino == wanted.st_ino;
      if (same) return ::dup(descriptor);
    }
  }
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
}

/// Writes the content of the file `from` into `to`, a pipe, a device or an open file.
FREEINIT_INLINE void write_through(const std::filesystem::path& from,
                                   const std::filesystem::path& to) {
  std::ifstream source(from, std::ios::binary);
  const int descriptor = open_through(to);
  if (!source || descriptor < 0) refuse_output(to, "cannot be written to");
  std::array<char, 65536> part{};
  bool written = true;
  while (written && source) {
    source.read(part.data(), part.size());
    for (std::string_view rest(part.data(), static_cast<std::size_t>(source.gcount()));
         written && !rest.empty();) {
      const ssize_t count = ::write(descriptor, rest.data(), rest.size());
      if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
      written = count >= 0 || errno == EINTR;
    }
  }
  ::close(descriptor);
  if (!written || source.bad()) refuse_output(to, "writing failed");
}

/// True for a folder that a sequence of pictures may replace: empty, or nothing but `frame_*.png`
/// and `frame_*.exr`.
FREEINIT_INLINE bool holds_only_frames(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool frame =
        name.starts_with("frame_") && (name.ends_with(".png") || name.ends_with(".exr"));
    if (!frame || !entry.is_regular_file()) return false;
  }
  return true;
}

FREEINIT_INLINE void refuse_foreign_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored) || holds_only_frames(path)) return;
  refuse_output(path,
                "the folder holds other files than frame_*.png; expected a new or empty folder, or "
                "an older sequence of pictures");
}

FREEINIT_INLINE void rename_output(const std::filesystem::path& from,
                                   const std::filesystem::path& to) {
  std::error_code failure;
  std::filesystem::rename(from, to, failure);
  if (failure) refuse_output(to, failure.message());
}

/// Replaces the folder `to`, in one step where the file system can exchange two names; `from` is
/// removed with what it then holds. Elsewhere the old one steps aside first, under a name that is
/// never cleaned up, and comes back if the rename fails.
FREEINIT_INLINE void replace_folder(const std::filesystem::path& from,
                                    const std::filesystem::path& to) {
  std::error_code ignored;
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
    std::filesystem::remove_all(from, ignored);
    return;
  }
  const std::filesystem::path aside = from.string() + "-former";
  rename_output(to, aside);
  try {
    rename_output(from, to);
  } catch (const Error&) {
    rename_output(aside, to);
    throw;
  }
  std::filesystem::remove_all(aside, ignored);
}

/// The folder of a path, "." of a bare name.
FREEINIT_INLINE std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// Gives a file without a name one that nobody has. False where somebody has it.
FREEINIT_INLINE bool link_output(int descriptor, const std::filesystem::path& to) {
  if (::linkat(AT_FDCWD, path_of(descriptor).c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) == 0)
    return true;
  if (errno == EEXIST) return false;
  refuse_output(to, std::generic_category().message(errno));
}

}  // namespace detail

FREEINIT_INLINE OutputFile::OutputFile(std::filesystem::path path, OutputKind kind)
    : path_(std::move(path)) {
  if (path_.has_relative_path() && !path_.has_filename()) path_ = path_.parent_path();  // "dir/"
  if (!path_.has_filename() || path_.filename() == "." || path_.filename() == "..") {
    detail::refuse_output(path_, "is not the name of a file or new folder");
  }
  target_ = detail::replaced_by(path_);
  if (target_.empty() && ::access(path_.c_str(), W_OK) != 0) {
    detail::refuse_output(path_, "cannot be written to");
  }
  if (!target_.empty()) detail::refuse_foreign_folder(target_);
  open_temporary(kind);
}

/// Permissions, read-only file systems and name lengths all show here and nowhere earlier.
FREEINIT_INLINE void OutputFile::open_temporary(OutputKind kind) {
  std::error_code failure;
  const std::filesystem::path folder =
      target_.empty() ? std::filesystem::temp_directory_path(failure) : detail::folder_of(target_);
  if (!std::filesystem::is_directory(folder, failure)) {
    detail::refuse_output(path_, "the folder '" + folder.string() + "' does not exist");
  }
  detail::remove_left_behind(folder);
  if (kind == OutputKind::file) descriptor_ = detail::open_unnamed(folder);
  named_ = descriptor_ < 0;
  if (named_) {
    detail::HiddenOutput hidden =
        detail::open_hidden(folder, path_.filename(), kind == OutputKind::folder);
    temporary_ = std::move(hidden.path);
    descriptor_ = hidden.descriptor;
  } else {
    temporary_ = detail::path_of(descriptor_);
  }
  if (descriptor_ >= 0) return;
  temporary_.clear();
  detail::refuse_output(path_, "the folder '" + folder.string() + "' cannot be written to");
}

FREEINIT_INLINE void OutputFile::forget_temporary() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  temporary_.clear();
}

FREEINIT_INLINE OutputFile::~OutputFile() {
  std::error_code ignored;
  if (named_ && !temporary_.empty()) std::filesystem::remove_all(temporary_, ignored);
  forget_temporary();
}

FREEINIT_INLINE OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, std::filesystem::path())),
      descriptor_(std::exchange(other.descriptor_, -1)),
      named_(other.named_) {}

FREEINIT_INLINE bool OutputFile::replaces() const {
  std::error_code ignored;
  if (target_.empty() || !std::filesystem::exists(target_, ignored)) return false;
  return !std::filesystem::is_directory(target_, ignored) ||
         !std::filesystem::is_empty(target_, ignored);
}

FREEINIT_INLINE void OutputFile::commit() {
  std::error_code ignored;
  const bool writes_folder = std::filesystem::is_directory(temporary_, ignored);
  const bool replaces_folder = std::filesystem::is_directory(target_, ignored);
  if (std::filesystem::exists(path_, ignored) && writes_folder != replaces_folder) {
    detail::refuse_output(path_, std::string("a ") + (replaces_folder ? "folder" : "file") +
                                     " of that name is in the way");
  }
  if (target_.empty()) {
    detail::write_through(temporary_, path_);
    if (named_) std::filesystem::remove(temporary_, ignored);
  } else if (writes_folder) {
    commit_folder();
  } else {
    commit_file();
  }
  forget_temporary();
}

FREEINIT_INLINE void OutputFile::commit_file() {
  if (!detail::reach_disk(descriptor_)) detail::refuse_output(path_, "writing failed");
  if (named_) {
    detail::rename_output(temporary_, target_);
  } else if (!detail::link_output(descriptor_, target_)) {
    // No call links over a name that is there. The lock says that somebody still needs the hidden
    // one.
    static_cast<void>(::flock(descriptor_, LOCK_EX | LOCK_NB));
    const std::filesystem::path hidden =
        detail::hidden_name(detail::folder_of(target_), path_.filename());
    if (!detail::link_output(descriptor_, hidden)) detail::refuse_output(path_, "writing failed");
    temporary_ = hidden;
    named_ = true;  // for the destructor, should the rename fail
    detail::rename_output(temporary_, target_);
  }
  static_cast<void>(detail::reach_disk(detail::folder_of(target_)));  // it is there, whole, anyway
}

FREEINIT_INLINE void OutputFile::commit_folder() {
  for (const auto& entry : std::filesystem::directory_iterator(temporary_)) {
    if (!detail::reach_disk(entry.path())) detail::refuse_output(path_, "writing failed");
  }
  static_cast<void>(detail::reach_disk(descriptor_));
  std::error_code ignored;
  if (std::filesystem::is_directory(target_, ignored)) {
    detail::refuse_foreign_folder(target_);
    detail::replace_folder(temporary_, target_);
  } else {
    detail::rename_output(temporary_, target_);
  }
  static_cast<void>(detail::reach_disk(detail::folder_of(target_)));
}

}  // namespace freeinit::inline FREEINIT_ABI
