#pragma once

#include <freeinit/core/config.hpp>

#include <filesystem>
#include <map>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// Remembers between processes which files had the right SHA-256, so that gigabytes need not be
/// read at every start.
///
/// A file is known again only if device, inode, size, time of modification and time of change are
/// all the same to the nanosecond. Programs can set back the time of modification, but not the time
/// of change: whoever writes to the file, replaces or renames it moves that on. Files changed less
/// than two seconds before they were read are not remembered, since a second change could fall on
/// the same tick. What this does not see is someone who may set the system's clock or write to the
/// disk below the file system; hash then (`BundleOptions::hash_stamps` empty).
class FREEINIT_API HashStamps {
 public:
  /// `file`: where stamps are kept. One that is missing or unreadable is like an empty one.
  explicit HashStamps(std::filesystem::path file);

  /// Whether `path` is, untouched, a file that had this hash.
  [[nodiscard]] bool knows(const std::filesystem::path& path, const std::string& sha256) const;

  /// Checks the hash, or believes the stamp. Returns the file's hash. Throws Error: not_found, io.
  [[nodiscard]] std::string sha256_of(const std::filesystem::path& path, const std::string& sha256);

  /// Writes new stamps, if there are any. Failing to is no error: the next start hashes again.
  void save() const noexcept;

 private:
  struct Entry {
    std::string sha256;
    std::string stamp;
  };

  std::filesystem::path file_;
  std::map<std::string, Entry> entries_;  ///< by absolute path
  bool changed_ = false;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/bundle/hash_stamps_inl.hpp>
#endif
