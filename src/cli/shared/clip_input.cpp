#include "shared/clip_input.hpp"

#include "shared/option_group.hpp"
#include "shared/text_output.hpp"

#include <freeinit/core/error.hpp>

#include <algorithm>
#include <cmath>

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

/// Frames [B,F,H,W,3] or latents [B,C,F,h,w].
at::Tensor read_clips(const std::string& file, const ClipReading& reading) {
  const at::Tensor tensor = read_tensor(file);
  const bool frames = tensor.dim() >= 4 && tensor.dim() <= 5 && tensor.size(-1) == 3;
  if (!frames) return read_latents(file, reading.latents);
  check_values(tensor, file);
  if (tensor.lt(0).any().item<bool>() || tensor.gt(1).any().item<bool>()) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "tensor of '" + file + "': frames outside of 0..1; expected pixels in 0..1");
  }
  return tensor.dim() == 4 ? tensor.unsqueeze(0) : tensor;
}

std::vector<Clip> load_tensor_clips(const std::string& name, const ClipReading& reading,
                                    Console& console) {
  if (reading.selection.fps > 0) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "tensor of '" + name + "': has no frame times; expected no --fps with it");
  }
  const at::Tensor tensor = read_clips(name, reading);
  const bool frames = tensor.size(4) == 3;
  std::vector<Clip> clips;
  for (std::int64_t k = 0; k < tensor.size(0); ++k) {
    Clip clip;
    clip.name = tensor.size(0) == 1 ? name : name + "[" + std::to_string(k) + "]";
    const at::Tensor video = tensor.narrow(0, k, 1);
    const at::Tensor chosen =
        select_frames(video, frames ? 1 : 2, clip.name, reading.selection, console).to(at::kFloat);
    (frames ? clip.frames : clip.latents) = frames ? chosen.squeeze(0) : chosen;
    clips.push_back(clip);
  }
  return clips;
}

std::string rate_text(double fps) {
  std::string text = fixed_number(fps, 2);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

void add_frame_options(OptionGroup group, const std::string& prefix,
                       freeinit::FrameSelection& selection) {
  group
      .add_number("--" + prefix + "start", selection.first,
                  "First frame of the video, counted from 0", 0, kMostFrames)
      ->capture_default_str();
  group
      .add_number("--" + prefix + "stride", selection.stride, "Take every n-th frame", 1,
                  kMostFrames)
      ->capture_default_str();
  group.add_number("--" + prefix + "fps", selection.fps,
                   "Take so many frames per second by their times [all frames, by number]", 0.01,
                   1000.0);
  group.add_number("--" + prefix + "stream", selection.stream,
                   "Which video stream, counted from 0 [the one that players take]", 0, 1000);
}

std::vector<Clip> load_clips(const std::string& file, const ClipReading& reading,
                             Console& console) {
  const auto& selection = reading.selection;
  if (names_tensor_file(file)) return load_tensor_clips(file, reading, console);
  const auto video = freeinit::load_video_frames(file, selection);
  note_reading(file, video, selection, console);
  note_rates(file, video, selection, reading.fps, "--fps", console);
  Clip clip;
  clip.name = file;
  clip.frames = video.frames;
  return {clip};
}

void note_reading(const std::string& file, const freeinit::VideoFrames& video,
                  const freeinit::FrameSelection& selection, Console& console) {
  if (!video.converted_from.empty()) {
    console.info("'" + file + "': " + video.converted_from + " colours, converted to BT.709");
  }
  if (video.cut) warn_of_cut(file, selection.max_frames, console);
  if (video.damaged) {
    console.warning("'" + file + "': is truncated or damaged; it gives " +
                    std::to_string(video.frames.size(0)) + " frames of the selection");
  }
}

void note_rates(const std::string& file, const freeinit::VideoFrames& video,
                const freeinit::FrameSelection& selection, double fps, const std::string& option,
                Console& console) {
  constexpr double kLittle = 0.1;
  const double rate = video.fps / static_cast<double>(selection.stride);
  const bool differs = std::abs(rate - fps) > kLittle * fps;
  if (selection.fps > 0 || video.fps <= 0 || fps <= 0 || !(differs || video.variable_rate)) return;
  console.info("'" + file + "': has " + rate_text(video.fps) + " frames per second" +
               (video.variable_rate ? " at a variable rate" : "") + ", the model " +
               rate_text(fps) + "; frames are taken by number, with " + option + " " +
               rate_text(fps) + " by time");
}

at::Tensor as_bytes(const at::Tensor& frames) {
  if (frames.scalar_type() == at::kByte) return frames;
  return frames.mul(255).round().clamp(0, 255).to(at::kByte);
}

}  // namespace freeinit_cli
