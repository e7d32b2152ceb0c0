#include "shared/clip_input.hpp"

#include "shared/option_group.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/ops/isfinite.h>

#include <algorithm>

namespace freeinit_cli {
namespace {

void warn_of_cut(const std::string& name, std::int64_t frames, Console& console) {
  console.warning("'" + name + "': holds more frames; the first " + std::to_string(frames) +
                  " of the selection are used");
}

/// The frames of `video` along `dim` that the selection names.
at::Tensor select_frames(const at::Tensor& video, std::int64_t dim, const std::string& name,
                         const freeinit::FrameSelection& selection, Console& console) {
  const std::int64_t there = video.size(dim);
  if (selection.first >= there) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "'" + name + "': holds " + std::to_string(there) + " frames; frame " +
                        std::to_string(selection.first) + " was asked for, counted from 0");
  }
  const std::int64_t end =
      std::min(there, selection.first + (selection.max_frames - 1) * selection.stride + 1);
  if (end - 1 + selection.stride < there) warn_of_cut(name, selection.max_frames, console);
  return video.slice(dim, selection.first, end, selection.stride);
}

std::vector<Clip> load_tensor_clips(const std::filesystem::path& path,
                                    const freeinit::FrameSelection& selection, Console& console) {
  at::Tensor tensor = freeinit::load_tensor(path);
  const std::string name = path.string();
  if (tensor.dim() == 4) tensor = tensor.unsqueeze(0);
  if (tensor.dim() != 5 || !tensor.is_floating_point() || tensor.numel() == 0) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "tensor of '" + name +
                        "': expected floating point latents [B,C,F,h,w] or frames [F,H,W,3]");
  }
  if (!at::isfinite(tensor).all().item<bool>()) {
    freeinit::raise(freeinit::ErrorCode::invalid_file,
                    "tensor of '" + name + "': holds NaN or infinite values");
  }
  const bool frames = tensor.size(4) == 3;
  if (frames && (tensor.lt(0).any().item<bool>() || tensor.gt(1).any().item<bool>())) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "tensor of '" + name + "': frames outside of 0..1; expected pixels in 0..1");
  }
  std::vector<Clip> clips;
  for (std::int64_t k = 0; k < tensor.size(0); ++k) {
    Clip clip;
    clip.name = tensor.size(0) == 1 ? name : name + "[" + std::to_string(k) + "]";
    const at::Tensor video = tensor.narrow(0, k, 1);
    const at::Tensor chosen =
        select_frames(video, frames ? 1 : 2, clip.name, selection, console).to(at::kFloat);
    (frames ? clip.frames : clip.latents) = frames ? chosen.squeeze(0) : chosen;
    clips.push_back(clip);
  }
  return clips;
}

}  // namespace

void add_frame_options(CLI::App& command, freeinit::FrameSelection& selection) {
  OptionGroup frames(command, "Frames of the video");
  frames.add_number("--start", selection.first, "First frame, counted from 0", 0, kMostFrames)
      ->capture_default_str();
  frames.add_number("--stride", selection.stride, "Take every n-th frame", 1, kMostFrames)
      ->capture_default_str();
}

std::vector<Clip> load_clips(const std::filesystem::path& path,
                             const freeinit::FrameSelection& selection, Console& console) {
  if (path.extension() == ".safetensors") return load_tensor_clips(path, selection, console);
  const auto video = freeinit::load_video_frames(path, selection);
  warn_of_missing_frames(path, video, selection, console);
  Clip clip;
  clip.name = path.string();
  clip.frames = video.frames;
  return {clip};
}

void warn_of_missing_frames(const std::filesystem::path& path, const freeinit::VideoFrames& video,
                            const freeinit::FrameSelection& selection, Console& console) {
  if (video.cut) warn_of_cut(path.string(), selection.max_frames, console);
  if (video.damaged) {
    console.warning("'" + path.string() + "': is truncated or damaged; it gives " +
                    std::to_string(video.frames.size(0)) + " frames of the selection");
  }
}

at::Tensor as_bytes(const at::Tensor& frames) {
  if (frames.scalar_type() == at::kByte) return frames;
  return frames.mul(255).round().clamp(0, 255).to(at::kByte);
}

}  // namespace freeinit_cli
