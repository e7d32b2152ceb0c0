#include "batch/report_media.hpp"

#include "shared/markup_text.hpp"
#include "shared/temporary_folder.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/tensors/resize.hpp>
#include <freeinit/tensors/video_frames.hpp>

extern "C" {
#include <libavutil/base64.h>
}

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>
#include <system_error>

namespace freeinit_cli {
namespace {

constexpr std::uintmax_t kMostEmbedded = 100 << 20;  // bytes, of all videos together
constexpr std::int64_t kPreviewSide = 256;           // pixels
constexpr std::int64_t kPreviewFrames = 64;

/// The type that browsers know a playable video by; null of any other.
const char* media_type(const std::filesystem::path& video) {
  static const std::map<std::string, const char*> types{{".mp4", "video/mp4"},
                                                        {".webm", "video/webm"},
                                                        {".gif", "image/gif"},
                                                        {".webp", "image/webp"}};
  const auto found = types.find(video.extension().string());
  return found == types.end() ? nullptr : found->second;
}

std::string data_uri(const std::string& type, const std::filesystem::path& file) {
  std::ostringstream content;
  if (!(content << std::ifstream(file, std::ios::binary).rdbuf())) {
    throw std::system_error(errno, std::generic_category(), file.string());
  }
  const std::string bytes = std::move(content).str();
  std::string text(AV_BASE64_SIZE(bytes.size()), '\0');
  av_base64_encode(text.data(), static_cast<int>(text.size()),
                   reinterpret_cast<const std::uint8_t*>(bytes.data()),
                   static_cast<int>(bytes.size()));
  text.pop_back();  // the zero at its end
  return "data:" + type + ";base64," + text;
}

std::string preview_uri(const std::filesystem::path& video, double fps) {
  const auto clip = freeinit::load_video_frames(video, {.max_frames = kPreviewFrames});
  const auto height = clip.frames.size(1), width = clip.frames.size(2);
  const double scale = std::min(
      1.0, static_cast<double>(kPreviewSide) / static_cast<double>(std::max(height, width)));
  const auto scaled = [scale](std::int64_t side) {
    return std::max<std::int64_t>(1, std::llround(scale * static_cast<double>(side)));
  };
  const TemporaryFolder folder;
  const auto file = folder.path() / "preview.webp";
  freeinit::save_video_frames(file,
                              freeinit::fit_frames(clip.frames, scaled(height), scaled(width)),
                              clip.fps > 0 ? clip.fps : fps);
  return data_uri("image/webp", file);
}

std::string shown_name(const std::filesystem::path& video) {
  return (video.has_filename() ? video : video.parent_path()).filename().string();
}

}  // namespace

ReportMedia::ReportMedia(const std::filesystem::path& page,
                         const std::vector<std::filesystem::path>& videos)
    : folder_(std::filesystem::absolute(page).parent_path()) {
  std::uintmax_t size = 0;
  for (const auto& video : videos) {
    std::error_code unknown;
    const auto bytes = media_type(video) ? std::filesystem::file_size(video, unknown) : 0;
    if (!unknown) size += bytes;
  }
  links_ = size > kMostEmbedded;
}

std::string ReportMedia::link_to(const std::filesystem::path& video) const {
  const std::string path =
      std::filesystem::proximate(std::filesystem::absolute(video), folder_).generic_string();
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  std::string link;
  for (const char c : path) {
    char escape[4] = {c, '\0'};
    if (kPlain.find(c) == kPlain.npos) {
      std::snprintf(escape, sizeof escape, "%%%02X", static_cast<unsigned char>(c));
    }
    link += escape;
  }
  return link;
}

std::string ReportMedia::element(const std::filesystem::path& video, double fps) const {
  const char* const type = media_type(video);
  const std::string name = escaped_markup(shown_name(video));
  try {
    const std::string source = type == nullptr ? preview_uri(video, fps)
                               : links_        ? link_to(video)
                                               : data_uri(type, video);
    if (type != nullptr && std::string_view(type).starts_with("video/")) {
      return "<video src=\"" + source + "\" title=\"" + name + "\" muted playsinline loop></video>";
    }
    return "<img src=\"" + source + "\" alt=\"" + name + "\" title=\"" + name + "\">";
  } catch (const freeinit::Error& error) {
    return "<p class=\"missing\">" + escaped_markup(error.what()) + "</p>";
  } catch (const std::system_error& error) {
    return "<p class=\"missing\">" + escaped_markup(error.what()) + "</p>";
  }
}

std::string ReportMedia::sources() const {
  return links_ ? "data: 'self' file:" : "data:";
}

}  // namespace freeinit_cli
