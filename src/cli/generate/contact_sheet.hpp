#pragma once

#include "generate/frame_grid.hpp"

#include <freeinit/tensors/resize.hpp>

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace freeinit_cli {

/// The frames of a video in one picture, as many rows as columns. A clip of more than 400 frames
/// shows so many of them. Takes frames as they come: memory is that of the picture.
class ContactSheet {
 public:
  /// `frame`: pixels of each of the `num_frames` frames; `largest`: of a side of the picture.
  ContactSheet(std::int64_t num_frames, freeinit::ImageSize frame, std::int64_t largest = 2048);

  /// The frames [n,h,w,3] uint8 that follow, of any size.
  void add(const at::Tensor& frames);

  /// Writes what is there as PNG. Throws freeinit::Error: io.
  void write(const std::filesystem::path& path) const;

 private:
  std::vector<std::int64_t> chosen_;
  std::int64_t columns_;
  FrameGrid grid_;
  at::Tensor picture_;
  std::int64_t frames_seen_ = 0;
  std::size_t tiles_put_ = 0;
};

}  // namespace freeinit_cli
