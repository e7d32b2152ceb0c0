#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace freeinit_cli {

/// The videos of a page as its elements. Up to 100 MiB of them stand in the page itself; of more,
/// all are links to their files. What no browser plays (ProRes, FFV1, a folder of frames) is always
/// in the page, as a small animated WebP.
class ReportMedia {
 public:
  /// `page`: where it will stand. `videos`: all that are on it.
  ReportMedia(const std::filesystem::path& page, const std::vector<std::filesystem::path>& videos);

  /// The element that plays `video`; of one that cannot be read, what is wrong with it. `fps`: of a
  /// folder of frames.
  [[nodiscard]] std::string element(const std::filesystem::path& video, double fps) const;

  /// Where the page's policy lets pictures and videos come from.
  [[nodiscard]] std::string sources() const;

 private:
  [[nodiscard]] std::string link_to(const std::filesystem::path& video) const;

  std::filesystem::path folder_;  ///< of the page
  bool links_ = false;
};

}  // namespace freeinit_cli
