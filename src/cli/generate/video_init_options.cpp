#include "generate/video_init_options.hpp"

#include "shared/clip_input.hpp"
#include "shared/error_report.hpp"
#include "shared/tensor_input.hpp"

#include <freeinit/tensors/video_frames.hpp>

#include <ATen/ops/zeros.h>

namespace freeinit_cli {
at::Tensor VideoInitArguments::read(const freeinit::GenerationRequest& request,
                                    const freeinit::AutoencoderSpec& vae,
                                    freeinit::GenerationInputs& inputs, Console& console) const {
  if (!video.empty() && !latents.empty()) {
    refuse("--init-video and --init-latents: both given; expected one of them");
  }
  const freeinit::FrameSelection all;
  if (video.empty() && (selection.first != all.first || selection.stride != all.stride ||
                        selection.fps != all.fps || selection.stream != all.stream)) {
    refuse("--init-start, --init-stride, --init-fps and --init-stream: need --init-video");
  }
  if (!given()) return {};
  if (inputs.initial_noise.defined()) {
    refuse("--init-noise with --init-video or --init-latents: a run starts from one of them");
  }
  if (!latents.empty()) {
    inputs.video_latents = read_latents(latents, {vae.latent_channels, vae.scaling_factor});
    return {};
  }
  if (names_tensor_file(video)) {
    refuse("--init-video '" + video + "': is a file of tensors; --init-latents takes latents");
  }
  auto wanted = selection;
  wanted.max_frames = request.num_frames;
  const auto read = freeinit::load_video_frames(video, wanted);
  const at::Tensor& frames = read.frames;
  if (frames.size(0) < request.num_frames) {
    refuse("init-video '" + video + "': gives " + std::to_string(frames.size(0)) +
           (frames.size(0) == 1 ? " frame" : " frames") + " from frame " +
           std::to_string(selection.first) + " on with stride " + std::to_string(selection.stride) +
           "; expected " + std::to_string(request.num_frames) + " (--num-frames)");
  }
  const at::Tensor fitted = freeinit::fit_frames(frames, request.height, request.width);
  // The checks before the networks are read ask no more of the latents than their shape.
  inputs.video_latents =
      at::zeros({1, vae.latent_channels, request.num_frames, request.height / vae.spatial_scale,
                 request.width / vae.spatial_scale});
  note_reading(video, read, wanted, console);
  note_rates(video, read, wanted, request.fps, "--init-fps", console);
  return fitted;
}

void add_video_init_options(CLI::App& command, VideoInitArguments& arguments) {
  OptionGroup noise(command, "Real video");
  noise.add(
      "--init-video", arguments.video,
      "Start from the noise of this video, or of the numbered pictures of a folder, instead of "
      "Gaussian noise; with --strength from the video itself",
      "FILE");
  noise.add("--init-latents", arguments.latents,
            "The same from latents [B,C,F,h,w] (.safetensors, .npy)", "FILE");
  add_frame_options(noise, "init-", arguments.selection);
}

}  // namespace freeinit_cli
