#pragma once

#include "generate/frame_grid.hpp"

#include <freeinit/tensors/resize.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace freeinit_cli {

/// The passes of one video beside each other, labelled `pass 1`, `pass 2`, ...: as a picture (.png)
/// a row of 8 frames for each, as a video one next to the other. Keeps the frames of all passes,
/// shrunk to what is shown, as bytes.
class PassComparison {
 public:
  /// Of at most so many passes with frames of size `frame`. Throws freeinit::Error:
  /// invalid_argument (more than 64 passes).
  PassComparison(std::filesystem::path path, std::int64_t num_passes, std::int64_t num_frames,
                 freeinit::ImageSize frame);

  /// Refuses what `write` could not write. Throws freeinit::Error: as check_video_writer.
  void check(double fps) const;

  /// Bytes of all passes.
  [[nodiscard]] std::int64_t memory() const;

  /// The frames [F,H,W,3] uint8 of pass `pass` (0, 1, ...).
  void add(std::int64_t pass, const at::Tensor& frames);

  /// Writes the passes that are there. Throws freeinit::Error: io.
  void write(double fps, const std::map<std::string, std::string>& metadata) const;

 private:
  /// A pass as it is shown.
  struct ShownPass {
    std::string label;
    at::Tensor tiles;  ///< [F,h,w,3] uint8, of the chosen frames
  };

  void write_picture() const;
  void write_video(double fps, const std::map<std::string, std::string>& metadata) const;

  std::filesystem::path path_;
  bool is_picture_;
  std::vector<std::int64_t> chosen_;  // frames
  FrameGrid grid_;
  std::vector<ShownPass> passes_;
};

}  // namespace freeinit_cli
