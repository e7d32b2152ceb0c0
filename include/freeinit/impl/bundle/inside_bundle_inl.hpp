#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/error.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Refuses a file that is reached through a link out of the bundle's folder, which itself may be
/// reached through one and is given as its canonical path. Throws Error: io, invalid_file.
FREEINIT_INLINE void check_inside(const std::filesystem::path& folder,
                                  const std::filesystem::path& path, const std::string& origin) {
  std::error_code failure;
  const std::filesystem::path place = std::filesystem::canonical(path, failure);
  if (failure) raise(ErrorCode::io, origin + failure.message());
  const auto [end, ignored] =
      std::mismatch(folder.begin(), folder.end(), place.begin(), place.end());
  if (end == folder.end()) return;
  raise(ErrorCode::invalid_file,
        origin + "is a link out of the bundle's folder; copy the bundle with its links followed");
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
