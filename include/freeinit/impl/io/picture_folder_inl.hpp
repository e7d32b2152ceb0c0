#pragma once

#include <freeinit/core/error.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <regex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI::detail {

/// A picture of a series: the last number of its name, and what stands around it.
struct NumberedPicture {
  std::string before, after;
  std::int64_t number = 0;
  std::filesystem::path path;
};

/// Nothing for what is no picture or has no number.
FREEINIT_INLINE std::optional<NumberedPicture> numbered_picture(const std::filesystem::path& path) {
  static const std::regex form(R"((.*?)(\d{1,18})(\D*\.(?:png|jpe?g|webp|bmp|tiff?|exr|ppm)))",
                               std::regex::icase);
  const std::string name = path.filename().string();
  std::smatch part;
  if (!std::regex_match(name, part, form)) return std::nullopt;
  return NumberedPicture{part[1], part[3], std::stoll(part[2]), path};
}

/// What stands before and behind the `%05d` of a name, or nothing.
FREEINIT_INLINE std::optional<std::pair<std::string, std::string>> pattern_parts(
    const std::string& name) {
  static const std::regex form(R"((.*)%0?\d*d(.*))");
  std::smatch part;
  if (!std::regex_match(name, part, form)) return std::nullopt;
  return std::pair(part[1].str(), part[2].str());
}

/// The pictures of a folder, or of a pattern like `frames/frame_%05d.png`, by their numbers; none
/// for any other path. Throws Error: not_found (no numbered picture), invalid_file (two series in
/// one folder), io.
FREEINIT_INLINE std::vector<std::filesystem::path> pictures_of(const std::filesystem::path& path) {
  std::error_code failure;
  const bool is_folder = std::filesystem::is_directory(path, failure);
  const auto pattern = pattern_parts(path.filename().string());
  if (!is_folder && (!pattern || std::filesystem::exists(path, failure))) return {};
  const std::string what = "frames '" + path.string() + "': ";
  const auto folder = is_folder ? path : path.has_parent_path() ? path.parent_path() : ".";
  std::vector<NumberedPicture> found;
  for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    auto picture = numbered_picture(entry->path());
    if (!picture) continue;
    if (is_folder || std::pair(picture->before, picture->after) == *pattern) {
      found.push_back(std::move(*picture));
    }
  }
  if (failure) raise(ErrorCode::io, what + failure.message());
  if (found.empty()) {
    raise(ErrorCode::not_found, what + "no numbered picture; expected names like frame_00000.png");
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.before, a.after, a.number) < std::tie(b.before, b.after, b.number);
  });
  const auto& [first, last] = std::tie(found.front(), found.back());
  if (first.before != last.before || first.after != last.after) {
    raise(ErrorCode::invalid_file,
          what + "holds two series of pictures; expected one, or a pattern like '" +
              (folder / (first.before + "%05d" + first.after)).string() + "'");
  }
  std::vector<std::filesystem::path> paths;
  for (auto& picture : found) paths.push_back(std::move(picture.path));
  return paths;
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
