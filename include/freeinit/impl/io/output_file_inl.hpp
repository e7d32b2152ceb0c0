#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/io/output_file.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// A name nobody else uses, hidden, beside `path`, with its extension (writers choose by it).
FREEINIT_INLINE std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  std::random_device random;
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x%08x", random(), random());
  const std::string name = std::string(".freeinit-") + digits.data() + path.extension().string();
  return path.parent_path() / name;
}

/// True for a folder that a PNG sequence may replace: empty, or nothing but `frame_*.png`.
FREEINIT_INLINE bool holds_only_frames(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool frame = name.starts_with("frame_") && name.ends_with(".png");
    if (!frame || !entry.is_regular_file()) return false;
  }
  return true;
}

FREEINIT_INLINE void refuse_foreign_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored) || holds_only_frames(path)) return;
  raise(ErrorCode::io, "output '" + path.string() +
                           "': the folder holds other files than frame_*.png; expected a new or "
                           "empty folder, or an older PNG sequence");
}

/// Creates and removes a file at `probe`: permissions, read-only file systems and name lengths all
/// show here and nowhere earlier.
FREEINIT_INLINE void try_to_write(const std::filesystem::path& path,
                                  const std::filesystem::path& probe) {
  std::error_code failure;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (!std::filesystem::is_directory(folder, failure)) {
    raise(ErrorCode::io,
          "output '" + path.string() + "': the folder '" + folder.string() + "' does not exist");
  }
  const bool created = std::ofstream(probe).is_open();
  std::filesystem::remove(probe, failure);
  if (!created) {
    raise(ErrorCode::io, "output '" + path.string() + "': the folder '" + folder.string() +
                             "' cannot be written to");
  }
}

FREEINIT_INLINE void rename_output(const std::filesystem::path& from,
                                   const std::filesystem::path& to) {
  std::error_code failure;
  std::filesystem::rename(from, to, failure);
  if (failure) {
    raise(ErrorCode::io, "output '" + to.string() + "': " + failure.message());
  }
}

/// Replaces the folder `to`: the old one steps aside first and comes back if the rename fails.
FREEINIT_INLINE void replace_folder(const std::filesystem::path& from,
                                    const std::filesystem::path& to) {
  refuse_foreign_folder(to);
  const std::filesystem::path aside = temporary_beside(to);
  rename_output(to, aside);
  try {
    rename_output(from, to);
  } catch (const Error&) {
    rename_output(aside, to);
    throw;
  }
  std::error_code ignored;
  std::filesystem::remove_all(aside, ignored);
}

}  // namespace detail

FREEINIT_INLINE OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) {
  if (path_.has_relative_path() && !path_.has_filename()) path_ = path_.parent_path();  // "dir/"
  if (!path_.has_filename() || path_.filename() == "." || path_.filename() == "..") {
    raise(ErrorCode::io,
          "output '" + path_.string() + "': is not the name of a file or new folder");
  }
  temporary_ = detail::temporary_beside(path_);
  detail::try_to_write(path_, temporary_);
  detail::refuse_foreign_folder(path_);
}

FREEINIT_INLINE OutputFile::~OutputFile() {
  if (temporary_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(temporary_, ignored);
}

FREEINIT_INLINE OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, std::filesystem::path())) {}

FREEINIT_INLINE void OutputFile::commit() {
  std::error_code ignored;
  const bool writes_folder = std::filesystem::is_directory(temporary_, ignored);
  const bool replaces_folder = std::filesystem::is_directory(path_, ignored);
  if (std::filesystem::exists(path_, ignored) && writes_folder != replaces_folder) {
    raise(ErrorCode::io, "output '" + path_.string() + "': a " +
                             (replaces_folder ? "folder" : "file") + " of that name is in the way");
  }
  if (replaces_folder) {
    detail::replace_folder(temporary_, path_);
  } else {
    detail::rename_output(temporary_, path_);
  }
  temporary_.clear();
}

}  // namespace freeinit::inline FREEINIT_ABI
