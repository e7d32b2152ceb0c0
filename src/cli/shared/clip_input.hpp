#pragma once

#include "shared/console.hpp"
#include "shared/option_group.hpp"
#include "shared/tensor_input.hpp"

#include <freeinit/tensors/video_frames.hpp>

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace freeinit_cli {

/// One video of an input file: frames or latents, never both.
struct Clip {
  std::string name;    ///< the path, with [k] behind it for video k of several in one file
  at::Tensor frames;   ///< [F,H,W,3], uint8, or float32 in 0..1 from a tensor file
  at::Tensor latents;  ///< [1,C,F,h,w] floating point
};

/// What of a file is read as a clip, and how.
struct ClipReading {
  freeinit::FrameSelection selection;
  LatentForm latents{};  ///< of the model
  double fps = 0.0;      ///< of the model; 0: nothing is said of another rate
};

/// `--start`, `--stride`, `--fps` and `--stream`, with `prefix` before their names.
void add_frame_options(OptionGroup group, const std::string& prefix,
                       freeinit::FrameSelection& selection);

/// The clips of a video, of a folder or pattern of numbered pictures (the selected frames), or of a
/// tensor file: latents as `read_latents` has them, or frames [F,H,W,3] or [B,F,H,W,3] (a last size
/// of 3 means frames), cut to the selection too. Says what `note_reading` and `note_rates` say.
/// Throws freeinit::Error: as read_video, and invalid_argument.
[[nodiscard]] std::vector<Clip> load_clips(const std::string& file, const ClipReading& reading,
                                           Console& console);

/// Says when `file` holds more than the selected frames in `video`, when it is truncated or
/// damaged, and from which colours it was converted.
void note_reading(const std::string& file, const freeinit::VideoFrames& video,
                  const freeinit::FrameSelection& selection, Console& console);

/// Says when frames that were taken by number have another rate than `fps`, the model's, and that
/// `option` takes them by time.
void note_rates(const std::string& file, const freeinit::VideoFrames& video,
                const freeinit::FrameSelection& selection, double fps, const std::string& option,
                Console& console);

/// As uint8, for networks that take images.
[[nodiscard]] at::Tensor as_bytes(const at::Tensor& frames);

}  // namespace freeinit_cli
