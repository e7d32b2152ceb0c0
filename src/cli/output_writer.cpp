#include "output_writer.hpp"

#include <freeinit/io/video_file.hpp>
#include <freeinit/numerics/tensor_file.hpp>

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

void OutputWriter::write_video(const std::filesystem::path& path, const at::Tensor& frames) const {
  const at::Tensor bytes = to_bytes(frames, profile);
  const auto count = bytes.size(0);
  const auto frame_bytes = static_cast<std::size_t>(bytes.numel() / count);
  freeinit::VideoWriter writer(path, {.width = static_cast<int>(bytes.size(2)),
                                      .height = static_cast<int>(bytes.size(1)),
                                      .fps = fps});
  const auto* data = bytes.const_data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    writer.add_frame(std::span(data + static_cast<std::size_t>(i) * frame_bytes, frame_bytes));
    if (progress) {
      progress({.phase = freeinit::Phase::write,
                .step = static_cast<int>(i + 1),
                .num_steps = static_cast<int>(count)});
    }
  }
  writer.finish();
}

void OutputWriter::write_result(const at::Tensor& latents, const at::Tensor& frames) const {
  if (!plan.latents.empty()) freeinit::save_tensors(plan.latents, {{"latents", latents}}, metadata);
  if (!plan.frames.empty()) {
    const at::Tensor stored = plan.num_videos == 1 ? frames.squeeze(0) : frames;
    freeinit::save_tensors(plan.frames, {{"frames", stored}}, metadata);
  }
  for (int i = 0; i < frames.size(0); ++i) write_video(plan.video_path(i), frames.select(0, i));
}

void OutputWriter::write_pass(int video, int pass, const at::Tensor& latents,
                              const at::Tensor& frames) const {
  plan.make_passes_folder();
  freeinit::save_tensors(plan.pass_latents_path(pass, video), {{"latents", latents}}, metadata);
  write_video(plan.pass_video_path(pass, video), frames.select(0, 0));
}

}  // namespace freeinit_cli
