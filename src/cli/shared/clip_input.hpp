#pragma once

#include "shared/console.hpp"

#include <freeinit/tensors/video_frames.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// One video of an input file: frames or latents, never both.
struct Clip {
  std::string name;    ///< the path, with [k] behind it for video k of several in one file
  at::Tensor frames;   ///< [F,H,W,3], uint8, or float32 in 0..1 from a tensor file
  at::Tensor latents;  ///< [1,C,F,h,w] floating point
};

/// `--start` and `--stride`, for commands that read clips.
void add_frame_options(CLI::App& command, freeinit::FrameSelection& selection);

/// The clips of a video file (the selected frames), or of a .safetensors file: latents
/// [B,C,F,h,w] or [C,F,h,w], or frames [F,H,W,3] or [B,F,H,W,3] (a last size of 3 means frames).
/// Frames of a tensor file are cut to the selection too. Warns of missing frames.
/// Throws freeinit::Error: as read_video, and invalid_argument.
[[nodiscard]] std::vector<Clip> load_clips(const std::filesystem::path& path,
                                           const freeinit::FrameSelection& selection,
                                           Console& console);

/// Says when the file at `path` holds more than the selected frames in `video`, and when it is
/// truncated or damaged.
void warn_of_missing_frames(const std::filesystem::path& path, const freeinit::VideoFrames& video,
                            const freeinit::FrameSelection& selection, Console& console);

/// As uint8, for networks that take images.
[[nodiscard]] at::Tensor as_bytes(const at::Tensor& frames);

}  // namespace freeinit_cli
