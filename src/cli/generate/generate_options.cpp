#include "generate/generate_options.hpp"

#include "shared/default_bundle.hpp"
#include "shared/option_group.hpp"
#include "shared/output_files.hpp"
#include "shared/tensor_input.hpp"

#include <freeinit/core/error.hpp>

#include <CLI/CLI.hpp>

#include <random>

namespace freeinit_cli {
namespace {

/// 32 bits: short enough to be typed again.
std::uint64_t random_seed() {
  return std::random_device{}() & 0xffffffffU;
}

void add_output_options(CLI::App& command, GenerateArguments& a) {
  OptionGroup output(command, "Output");
  output
      .add("-o,--output", a.output,
           "FILE" + std::string(kVideoFiles) +
               ", or DIR/ for PNG frames [video.mp4, video_2.mp4, ...]",
           "FILE")
      ->expected(1);
  output.add("--save-latents", a.save_latents,
             "Write the latents [B,C,F,h,w] (.safetensors, .npy, .latent)", "FILE");
  output.add("--save-frames", a.save_frames,
             "Write the frames [F,H,W,3], or [B,F,H,W,3] of several videos (.safetensors, .npy), "
             "or DIR/frame_%05d.png (16 bits), DIR/frame_%05d.exr",
             "FILE");
  output.add("--save-passes", a.save_passes, "Write video and latents of every pass to this folder",
             "DIR");
  output.add("--preview", a.preview, kPreviewHelp, "FILE");
  output.add_number("--preview-every", a.preview_every,
                    "Show the run in the file of --preview [NAME.preview.png beside the video] "
                    "after every N network calls",
                    1, 1'000'000);
  output.add("--compare", a.compare,
             "Write the passes beside each other, labelled, too: .png, or a video (.mp4, ...); not "
             "with --resume",
             "FILE");
  add_overwrite_option(command, a.overwrite)->group("Output");
  output.add_flag("--no-metadata", a.no_metadata, kNoMetadataHelp);
  output.add_flag("--json", a.json, "Print the result as one JSON object");
  output.add_flag("--dry-run", a.dry_run,
                  "Make nothing; print network calls, memory, disk and time of the run");
}

}  // namespace

freeinit::GenerationRequest GenerateArguments::request(const freeinit::Manifest& manifest) const {
  check_filter_settings(settings, filter_mask);
  auto request = manifest.recommended;
  if (runtime.low_memory) request.decode_chunk_size = 1;
  if (!settings.given("seed")) request.seed = random_seed();
  return settings.over(std::move(request));
}

freeinit::GenerationInputs GenerateArguments::inputs() const {
  freeinit::GenerationInputs inputs;
  if (!init_noise.empty()) {
    inputs.initial_noise = read_tensor(init_noise);
    check_values(inputs.initial_noise, init_noise);
  }
  inputs.filter_mask = load_mask(filter_mask);
  return inputs;
}

freeinit::BundleOptions GenerateArguments::bundle_options(
    const freeinit::Manifest& manifest, const freeinit::GenerationRequest& request) const {
  auto options = runtime.bundle_options();
  if (options.backend.empty()) {
    options.backend =
        freeinit::default_unet_backend(manifest, options.device, request.cache_interval > 1).name;
  }
  return options;
}

OutputPlan GenerateArguments::output_plan(std::int64_t num_videos) const {
  return {.video = output.value_or(default_output),
          .latents = save_latents,
          .frames = save_frames,
          .preview = preview,
          .preview_every = preview_every,
          .compare = compare,
          .trace = runtime.trace,
          .passes_folder = save_passes,
          .checkpoint_folder = checkpoint.folder,
          .num_videos = static_cast<int>(num_videos),
          .overwrite = overwrite};
}

void add_request_options(CLI::App& command, GenerateArguments& arguments) {
  arguments.settings.add(command);
  OptionGroup(command, "Sampling")
      .add("--init-noise", arguments.init_noise,
           "Start from this noise [B,C,F,h,w] instead of the first draw", "FILE");
  add_mask_option(command, arguments.filter_mask);
  add_video_init_options(command, arguments.video_init);
}

void add_generate_options(CLI::App& command, GenerateArguments& arguments) {
  command.add_option("--bundle", arguments.bundle, kBundleHelp)->type_name("DIR");
  command
      .add_option(
          "--config", arguments.config,
          "TOML file with any of these options, or what --json or inspect FILE printed; the "
          "command line has the last word")
      ->type_name("FILE")
      ->configurable(false);
  add_output_options(command, arguments);
  add_request_options(command, arguments);
  OptionGroup(command, "Machine").add_flag("--check-steps", arguments.check_steps, kCheckStepsHelp);
  add_checkpoint_options(command, arguments.checkpoint);
  add_runtime_options(command, arguments.runtime);
  OptionGroup(command, "Machine")
      .add("--trace", arguments.runtime.trace,
           "Write where the time went as a Chrome trace (.json)", "FILE");
}

}  // namespace freeinit_cli
