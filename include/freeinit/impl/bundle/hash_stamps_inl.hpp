#pragma once

#include <freeinit/bundle/hash_stamps.hpp>
#include <freeinit/impl/core/json_inl.hpp>
#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/io/sha256.hpp>
#include <freeinit/io/text_file.hpp>

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

struct FileStamp {
  std::string text;
  std::int64_t changed;  ///< seconds since 1970
};

FREEINIT_INLINE std::optional<FileStamp> stamp_of(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  const auto time = [](const timespec& value) {
    return std::to_string(value.tv_sec) + "." + std::to_string(value.tv_nsec);
  };
  return FileStamp{std::to_string(info.st_dev) + " " + std::to_string(info.st_ino) + " " +
                       std::to_string(info.st_size) + " " + time(info.st_mtim) + " " +
                       time(info.st_ctim),
                   static_cast<std::int64_t>(info.st_ctim.tv_sec)};
}

FREEINIT_INLINE std::string stamp_key(const std::filesystem::path& path) {
  std::error_code failed;
  return std::filesystem::absolute(path, failed).lexically_normal().string();
}

/// What the file of a cache holds: null if it cannot be read.
FREEINIT_INLINE nlohmann::json stored_stamps(const std::filesystem::path& file) {
  try {
    return parse_strict_json(read_file(file, "hashes"), "hashes");
  } catch (const Error&) {
    return nullptr;
  }
}

}  // namespace detail

FREEINIT_INLINE HashStamps::HashStamps(std::filesystem::path file) : file_(std::move(file)) {
  const auto stored = detail::stored_stamps(file_);
  if (!stored.is_object()) return;
  for (const auto& [path, entry] : stored.items()) {
    if (!entry.is_object() || !entry.contains("sha256") || !entry.contains("stamp")) continue;
    if (!entry["sha256"].is_string() || !entry["stamp"].is_string()) continue;
    entries_[path] = {entry["sha256"].get<std::string>(), entry["stamp"].get<std::string>()};
  }
}

FREEINIT_INLINE bool HashStamps::knows(const std::filesystem::path& path,
                                       const std::string& sha256) const {
  const auto entry = entries_.find(detail::stamp_key(path));
  if (entry == entries_.end() || entry->second.sha256 != sha256) return false;
  const auto now = detail::stamp_of(path);
  return now && now->text == entry->second.stamp;
}

FREEINIT_INLINE std::string HashStamps::sha256_of(const std::filesystem::path& path,
                                                  const std::string& sha256) {
  if (knows(path, sha256)) return sha256;
  const auto begin = std::chrono::system_clock::now().time_since_epoch();
  const auto before = detail::stamp_of(path);
  std::string found = sha256_of_file(path);
  const auto after = detail::stamp_of(path);
  const bool settled =
      before && after && before->text == after->text &&
      before->changed + 2 < std::chrono::duration_cast<std::chrono::seconds>(begin).count();
  if (settled) {
    entries_[detail::stamp_key(path)] = {found, after->text};
    changed_ = true;
  }
  return found;
}

FREEINIT_INLINE void HashStamps::save() const noexcept {
  if (!changed_) return;
  try {
    auto stored = nlohmann::json::object();
    for (const auto& [path, entry] : entries_) {
      if (!std::filesystem::exists(path)) continue;
      stored[path] = {{"sha256", entry.sha256}, {"stamp", entry.stamp}};
    }
    if (file_.has_parent_path()) std::filesystem::create_directories(file_.parent_path());
    write_text_file(file_, stored.dump(1));
  } catch (const std::exception&) {  // a cache that cannot be written is one that is not there
    return;
  }
}

}  // namespace freeinit::inline FREEINIT_ABI
