#include "generate/generate_options.hpp"
#include "generate/output_writer.hpp"
#include "generate/run_needs.hpp"
#include "shared/bundle_autoencoder.hpp"
#include "shared/command.hpp"
#include "shared/default_bundle.hpp"
#include "shared/interrupt.hpp"
#include "shared/operator_options.hpp"
#include "shared/option_group.hpp"
#include "shared/output_files.hpp"
#include "shared/progress_view.hpp"
#include "shared/tensor_input.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/networks/device.hpp>
#include <freeinit/networks/tiled_autoencoder.hpp>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

namespace freeinit_cli {
namespace {

struct DecodeArguments {
  std::string latents, bundle, preview, device = "cpu";
  std::string profile{freeinit::to_string(freeinit::Profile::diffusers)};
  std::optional<std::string> output;       ///< unset: video.mp4, or the next of that name
  std::optional<double> fps;               ///< unset: the bundle's
  std::optional<std::int64_t> chunk_size;  ///< unset: freeinit::default_chunk_size
  freeinit::VaeTilingOptions tiling;
  std::optional<int> threads;
  std::set<std::string> allow_operators;
  bool overwrite = false;
  bool no_metadata = false;
};

constexpr const char* kDecodeFooter = R"(
Makes videos of latents that were sampled before, without the bundle's other networks: those of
generate --save-latents and --save-passes, of another program, or your own.

Examples:
  freeinit decode circle.safetensors -o circle.gif
  freeinit decode circle.safetensors -o frames/   (made by generate --save-latents circle.safetensors))";

/// The prompt of the latents, as a video has it.
std::map<std::string, std::string> title_of(const std::string& file) {
  const auto said = read_tensor_metadata(file);
  const auto prompt = said.find("prompt");
  if (prompt == said.end()) return {};
  return {{"title", prompt->second}};
}

OutputPlan plan_of(const DecodeArguments& arguments, std::int64_t num_videos) {
  const OutputPlan plan{.video = arguments.output.value_or("video.mp4"),
                        .preview = arguments.preview,
                        .num_videos = static_cast<int>(num_videos),
                        .overwrite = arguments.overwrite};
  return arguments.output || arguments.overwrite ? plan : plan.with_free_name();
}

void run_decode(const DecodeArguments& arguments, Console& console) {
  const auto folder = bundle_or_default(arguments.bundle);
  const auto manifest = freeinit::read_manifest(folder);
  const auto device = freeinit::device_from_string(arguments.device);
  const auto profile = freeinit::profile_from_string(arguments.profile);
  if (arguments.tiling.enabled) freeinit::check_vae_tiling(arguments.tiling, manifest.vae);
  const at::Tensor latents =
      read_latents(arguments.latents, {manifest.vae.latent_channels, manifest.vae.scaling_factor})
          .to(at::kFloat);
  const OutputPlan plan = plan_of(arguments, latents.size(0));
  plan.check();
  const auto& own = manifest.recommended;
  const double fps = arguments.fps.value_or(own.file_fps());
  const std::int64_t scale = manifest.vae.spatial_scale;
  for (int i = 0; i < plan.num_videos; ++i) {
    freeinit::check_video_writer(
        plan.video_path(i),
        {.width = latents.size(4) * scale, .height = latents.size(3) * scale, .fps = fps});
  }
  if (arguments.threads) at::set_num_threads(*arguments.threads);
  const std::shared_ptr<const freeinit::Autoencoder> autoencoder = freeinit::with_tiling(
      load_bundle_autoencoder(folder, manifest, device, arguments.allow_operators),
      arguments.tiling);
  const InterruptGuard interrupt;
  std::stop_source stop;
  ProgressView view(console);
  WriterOptions options;  // member by member: g++ 12 warns of the parts of a braced one
  options.fps = fps;
  options.profile = profile;
  options.chunk_size = arguments.chunk_size;
  options.progress = [&](const freeinit::Progress& progress) {
    if (interrupt.requested()) stop.request_stop();
    view.show(progress);
  };
  options.wrote = [&console](const std::filesystem::path& path) { say_written(path, console); };
  options.stop = stop.get_token();
  if (!arguments.no_metadata) {
    options.video_metadata = [title = title_of(arguments.latents)](int, std::int64_t) {
      return title;
    };
  }
  OutputWriter writer(plan, *autoencoder, std::move(options));
  const auto hooks = writer.hooks();
  for (std::int64_t i = 0; i < latents.size(0); ++i) {
    hooks.on_video({.index = i, .latents = latents.narrow(0, i, 1)});
  }
  console.end_progress();
}

}  // namespace

void add_decode(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("decode", "Make videos of latents that were sampled before");
  auto arguments = std::make_shared<DecodeArguments>();
  auto& a = *arguments;
  command
      ->add_option(
          "LATENTS", a.latents,
          "Latents [B,C,F,h,w] (.safetensors, with :NAME if it holds several; .npy, .latent)")
      ->required();
  command->add_option("--bundle", a.bundle, kBundleHelp)->type_name("DIR");
  command
      ->add_option("-o,--output", a.output,
                   "FILE" + std::string(kVideoFiles) +
                       ", or DIR/ for PNG frames [video.mp4, video_2.mp4, ...]")
      ->type_name("FILE");
  command->add_option("--preview", a.preview, kPreviewHelp)->type_name("FILE");
  command->add_option("--fps", a.fps, "Frames per second of the file [the bundle's]")
      ->type_name("X");
  add_number(*command, "--decode-chunk-size", a.chunk_size,
             "Frames decoded at once [as many as have 65536 pixels, at most 16]", 1, kMostFrames);
  command->add_flag("--vae-tiling", a.tiling.enabled,
                    "Decode frames in overlapping tiles: memory of a tile, faint seams");
  add_number(*command, "--vae-tile-size", a.tiling.tile_size, "Height and width of a tile", 1,
             16384)
      ->capture_default_str();
  add_number(*command, "--vae-tile-overlap", a.tiling.overlap,
             "Share of a tile that its neighbour covers too", 0.0, 1.0)
      ->capture_default_str();
  command
      ->add_option("--profile", a.profile,
                   "diffusers rounds pixels to bytes, official cuts them off")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--device", a.device, "cpu, cuda or cuda:N")->capture_default_str();
  add_number(*command, "--threads", a.threads, "CPU threads [LibTorch's choice]", 1, 1024);
  add_allow_operators(*command, a.allow_operators);
  add_overwrite_option(*command, a.overwrite);
  command->add_flag("--no-metadata", a.no_metadata, "Leave the prompt out of the video");
  command->footer(kDecodeFooter);
  command->callback([=, &selected] {
    selected = [=](Console& console) {
      with_memory_advice([&] { run_decode(*arguments, console); });
    };
  });
}

}  // namespace freeinit_cli
