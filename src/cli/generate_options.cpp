#include "generate_options.hpp"

#include "default_bundle.hpp"
#include "option_group.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <CLI/CLI.hpp>

#include <cmath>
#include <random>

namespace freeinit_cli {
namespace {

constexpr std::int64_t kMostVideos = 1024;

/// CLI11 2.1 reads "-1" as 2^64 - 1.
std::string check_no_minus(const std::string& text) {
  return text.starts_with('-') ? "expected 0 or more, got " + text : std::string();
}

/// 32 bits: short enough to be typed again.
std::uint64_t random_seed() {
  return std::random_device{}() & 0xffffffffU;
}

void add_video_options(CLI::App& command, GenerateArguments& a) {
  OptionGroup video(command, "Video");
  video.add("--num-frames", a.num_frames, "Frames");
  video.add("--height", a.height, "Height in pixels");
  video.add("--width", a.width, "Width in pixels");
  video.add("--fps", a.fps, "Frames per second, of the file and for models that ask");
  video.add("--output-fps", a.output_fps, "Frames per second of the file, if others");
  video.add("--num-videos", a.num_videos, "Videos; video k uses seed S + k")->capture_default_str();
}

void add_sampling_options(CLI::App& command, GenerateArguments& a) {
  OptionGroup sampling(command, "Sampling");
  sampling.add("--negative-prompt", a.negative_prompt, "What the video should not show");
  sampling.add("--num-inference-steps", a.num_inference_steps, "Denoising steps of a full pass");
  sampling.add("--guidance-scale", a.guidance_scale, "Guidance; 1 or less switches it off");
  sampling
      .add("--guidance-interval", a.guidance_interval,
           "Guidance only from noise level A to B: 0 is a clean video, 1 is noise [0 1]", "A B")
      ->expected(2);
  sampling
      .add("--cache-interval", a.cache_interval,
           "Run the whole UNet every N-th step, and its first and last layers between them", "N")
      ->capture_default_str();
  sampling.add("--eta", a.eta, "DDIM's eta in 0..1");
  sampling.add("--seed", a.seed, "Seed S [random, printed]")->check(check_no_minus);
  sampling.add("--num-iters", a.num_iters,
               "FreeInit passes as in the authors' code: 1 is plain sampling");
  sampling.add_flag("--fast-sampling", a.fast_sampling,
                    "Coarse to fine: earlier passes run fewer steps");
  sampling.add("--profile", a.profile,
               "Whose rules where implementations differ: diffusers or official [diffusers]",
               "NAME");
  sampling.add("--init-noise", a.init_noise,
               "Start from this noise [B,C,F,h,w] instead of the first draw", "FILE");
}

void add_output_options(CLI::App& command, GenerateArguments& a) {
  OptionGroup output(command, "Output");
  output.add("-o,--output", a.output, "FILE.mp4, .webm or .gif, or DIR/ for PNG frames", "FILE")
      ->capture_default_str();
  output.add("--save-latents", a.save_latents, "Write the latents [B,C,F,h,w] (.safetensors)",
             "FILE");
  output.add("--save-frames", a.save_frames,
             "Write the frames [F,H,W,3], or [B,F,H,W,3] of several videos (.safetensors)", "FILE");
  output.add("--save-passes", a.save_passes, "Write video and latents of every pass to this folder",
             "DIR");
  output.add_flag("--json", a.json, "Print the result as one JSON object");
}

}  // namespace

freeinit::GenerationRequest GenerateArguments::request(const freeinit::Manifest& manifest) const {
  auto request = freeinit::GenerationRequest::from_manifest(manifest);
  request.prompt = prompt;
  request.negative_prompt = negative_prompt.value_or(request.negative_prompt);
  request.num_frames = num_frames.value_or(request.num_frames);
  request.height = height.value_or(request.height);
  request.width = width.value_or(request.width);
  request.fps = fps.value_or(request.fps);
  request.num_inference_steps = num_inference_steps.value_or(request.num_inference_steps);
  request.guidance_scale = guidance_scale.value_or(request.guidance_scale);
  if (!guidance_interval.empty()) {
    request.guidance_interval = {guidance_interval.front(), guidance_interval.back()};
  }
  request.cache_interval = cache_interval;
  request.eta = eta.value_or(request.eta);
  request.seed = seed ? *seed : random_seed();
  request.num_videos = num_videos;
  request.free_init.num_iters = num_iters.value_or(request.free_init.num_iters);
  request.free_init.fast_sampling = fast_sampling;
  if (profile) request.free_init.profile = freeinit::profile_from_string(*profile);
  request.free_init.filter = filter.over(request.free_init.filter);
  request.free_init.filter_mask = filter.mask();
  request.free_init = methods.over(request.free_init);
  if (runtime.low_memory) request.decode_chunk_size = 1;
  if (!init_noise.empty()) request.initial_noise = freeinit::load_tensor(init_noise);
  return request;
}

double GenerateArguments::file_fps(const freeinit::Manifest& manifest,
                                   const freeinit::GenerationRequest& request) const {
  const double rate = output_fps.value_or(manifest.recommended.output_fps.value_or(request.fps));
  if (rate > 0 && std::isfinite(rate)) return rate;
  freeinit::raise(freeinit::ErrorCode::invalid_argument,
                  "output-fps '" + std::to_string(rate) + "': expected a number above 0");
}

freeinit::BundleOptions GenerateArguments::bundle_options(
    const freeinit::Manifest& manifest) const {
  auto options = runtime.bundle_options();
  if (options.backend.empty()) {
    options.backend =
        freeinit::default_unet_backend(manifest, options.device, cache_interval > 1).name;
  }
  return options;
}

OutputPlan GenerateArguments::output_plan() const {
  if (num_videos < 1 || num_videos > kMostVideos) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "num-videos '" + std::to_string(num_videos) + "': expected 1 to " +
                        std::to_string(kMostVideos));
  }
  return {.video = output,
          .latents = save_latents,
          .frames = save_frames,
          .trace = runtime.profile_trace,
          .passes_folder = save_passes,
          .num_videos = static_cast<int>(num_videos)};
}

void add_generate_options(CLI::App& command, GenerateArguments& arguments) {
  command.add_option("PROMPT", arguments.prompt, "What the video shows");
  command.add_option("--bundle", arguments.bundle, kBundleHelp)->type_name("DIR");
  command
      .add_option("--config", arguments.config,
                  "TOML file with any of these options; the command line has the last word")
      ->type_name("FILE")
      ->configurable(false);
  add_output_options(command, arguments);
  add_video_options(command, arguments);
  add_sampling_options(command, arguments);
  add_filter_options(command, arguments.filter);
  add_video_init_options(command, arguments.video_init);
  add_method_options(command, arguments.methods);
  add_runtime_options(command, arguments.runtime);
}

}  // namespace freeinit_cli
