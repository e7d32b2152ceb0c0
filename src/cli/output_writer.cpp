#include "output_writer.hpp"

#include <freeinit/core/run_control.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <cstdint>
#include <span>

namespace freeinit_cli {
namespace {

at::Tensor to_bytes(const at::Tensor& frames, freeinit::Profile profile) {
  const at::Tensor scaled = frames.mul(255);
  const bool rounds = profile == freeinit::Profile::diffusers;
  return (rounds ? scaled.round() : scaled).to(at::kByte).contiguous();
}

}  // namespace

freeinit::VideoWriter OutputWriter::open_video(const std::filesystem::path& path,
                                               std::int64_t height, std::int64_t width) const {
  return freeinit::VideoWriter(
      path, {.width = static_cast<int>(width), .height = static_cast<int>(height), .fps = fps});
}

void OutputWriter::add_frames(freeinit::VideoWriter& video, const at::Tensor& frames,
                              std::int64_t first, std::int64_t count) const {
  const at::Tensor bytes = to_bytes(frames, profile);
  const auto frame_bytes = static_cast<std::size_t>(bytes.numel() / bytes.size(0));
  const auto* data = bytes.const_data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < bytes.size(0); ++i) {
    video.add_frame(std::span(data + static_cast<std::size_t>(i) * frame_bytes, frame_bytes));
    if (progress) {
      progress({.phase = freeinit::Phase::write,
                .step = static_cast<int>(first + i + 1),
                .num_steps = static_cast<int>(count)});
    }
  }
}

void OutputWriter::write_video(const std::filesystem::path& path, const at::Tensor& frames) const {
  auto video = open_video(path, frames.size(1), frames.size(2));
  add_frames(video, frames, 0, frames.size(0));
  video.finish();
}

void OutputWriter::write_result(const at::Tensor& latents, const at::Tensor& frames,
                                PhaseSeconds& seconds) const {
  const Stopwatch writing;
  if (!plan.latents.empty()) freeinit::save_tensors(plan.latents, {{"latents", latents}}, metadata);
  if (!plan.frames.empty()) {
    const at::Tensor stored = plan.num_videos == 1 ? frames.squeeze(0) : frames;
    freeinit::save_tensors(plan.frames, {{"frames", stored}}, metadata);
  }
  for (int i = 0; i < frames.size(0); ++i) write_video(plan.video_path(i), frames.select(0, i));
  seconds[freeinit::Phase::write] += writing.seconds();
}

void OutputWriter::decode_and_write(const freeinit::Autoencoder& autoencoder,
                                    const at::Tensor& latents, std::int64_t chunk_size,
                                    PhaseSeconds& seconds) const {
  const Stopwatch whole;
  double writing = 0.0;
  if (!plan.latents.empty()) freeinit::save_tensors(plan.latents, {{"latents", latents}}, metadata);
  freeinit::RunControl control;  // without a stop token: what is sampled is always written
  control.progress = progress;
  const std::int64_t scale = autoencoder.spec().spatial_scale;
  for (int i = 0; i < latents.size(0); ++i) {
    auto video = open_video(plan.video_path(i), latents.size(3) * scale, latents.size(4) * scale);
    const auto add = [&](std::int64_t, std::int64_t first, const at::Tensor& frames) {
      const Stopwatch adding;
      add_frames(video, frames, first, latents.size(2));
      writing += adding.seconds();
    };
    freeinit::decode_video_to(autoencoder, latents.narrow(0, i, 1), chunk_size, add, control);
    const Stopwatch finishing;
    video.finish();
    writing += finishing.seconds();
  }
  autoencoder.release();
  seconds[freeinit::Phase::write] += writing;
  seconds[freeinit::Phase::decode] += whole.seconds() - writing;
}

void OutputWriter::write_pass(int video, int pass, const at::Tensor& noise,
                              const at::Tensor& latents, const at::Tensor& frames) const {
  plan.make_passes_folder();
  freeinit::save_tensors(plan.pass_noise_path(pass, video), {{"noise", noise}}, metadata);
  freeinit::save_tensors(plan.pass_latents_path(pass, video), {{"latents", latents}}, metadata);
  write_video(plan.pass_video_path(pass, video), frames.select(0, 0));
}

}  // namespace freeinit_cli
