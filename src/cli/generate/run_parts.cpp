#include "generate/run_parts.hpp"

#include "generate/generate_report.hpp"
#include "generate/kept_run.hpp"
#include "generate/output_writer.hpp"
#include "shared/output_files.hpp"
#include "shared/spare_output.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/networks/tiled_autoencoder.hpp>
#include <freeinit/pipeline/clip_latents.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace freeinit_cli {
namespace {

/// What the tensor files say of themselves: text in UTF-8, as the tokenizer reads it.
std::map<std::string, std::string> tensor_metadata(const GenerateArguments& arguments,
                                                   const freeinit::GenerationRequest& request) {
  if (arguments.no_metadata) return {};
  return {{"prompt", freeinit::excerpt(request.prompt, std::string::npos)},
          {"seed", std::to_string(request.seed)}};
}

std::function<std::map<std::string, std::string>(int, std::int64_t)> metadata_of_videos(
    const GenerateArguments& arguments, const freeinit::GenerationRequest& request,
    const std::string& model) {
  return [&arguments, &request, model](int index, std::int64_t passes) {
    return arguments.no_metadata ? std::map<std::string, std::string>{}
                                 : video_metadata(arguments, request, model, index, passes);
  };
}

/// The writer's hooks, without the video that the run was stopped in if that is discarded.
freeinit::GenerationHooks output_hooks(OutputWriter& writer, bool discards, Console& console) {
  auto hooks = writer.hooks();
  if (hooks.on_prediction) {
    hooks.on_prediction = [show = std::move(hooks.on_prediction),
                           spare = SpareOutput(console, "the preview stays as it is")](
                              const auto& at, const at::Tensor& prediction) mutable {
      spare.write([&] { show(at, prediction); });
    };
  }
  if (!discards) return hooks;
  hooks.on_video = [write = std::move(hooks.on_video)](const freeinit::GeneratedVideo& video) {
    if (!video.cancelled) write(video);
  };
  return hooks;
}

/// `written`: a video stands under its name already, of fewer passes.
void say_how_to_go_on(const std::optional<freeinit::CheckpointFolder>& kept, bool written,
                      Console& console) {
  if (!kept) return;
  console.info("to go on: freeinit generate --resume " + kept->path().string() +
               (written ? " --overwrite" : ""));
}

WriterOptions writer_options(const GenerateArguments& arguments, const PreparedRun& run,
                             const freeinit::RunControl& control, Console& console) {
  const auto& request = run.request;
  WriterOptions options{
      .fps = request.file_fps(),
      .profile = request.free_init.profile,
      .chunk_size = request.decode_chunk_size,
      .num_passes = request.free_init.num_iters,
      .latent_rgb = run.manifest.latent_rgb.value_or(freeinit::LatentRgbSpec{}),
      .metadata = tensor_metadata(arguments, request),
      .progress = control.progress,
      .wrote = [&console](const std::filesystem::path& path) { say_written(path, console); },
      .kept = [&console](const std::filesystem::path& path) { say_kept(path, console); },
      .stop = arguments.checkpoint.discards() ? control.stop : std::stop_token()};
  // By itself, since clang-tidy 14 takes a large function among named members for a leak.
  options.video_metadata = metadata_of_videos(arguments, request, run.manifest.name);
  return options;
}

/// Tells how to go on with latents that were not decoded.
std::function<void(const std::filesystem::path&)> decode_note(const GenerateArguments& arguments,
                                                              Console& console) {
  return [&](const std::filesystem::path& latents) {
    const auto shown = [](const std::string& name) {
      return freeinit::excerpt(name, std::string::npos);
    };
    console.info("to go on: freeinit decode " + shown(latents.string()) +
                 (arguments.bundle.empty() ? "" : " --bundle " + shown(arguments.bundle)));
  };
}

}  // namespace

freeinit::RunControl make_control(Console& console, ProgressView& view,
                                  const InterruptGuard& interrupt, std::stop_source& stop,
                                  bool discards) {
  freeinit::RunControl control;
  control.stop = stop.get_token();
  control.log = [&console](freeinit::LogLevel level, std::string_view message) {
    if (level == freeinit::LogLevel::warning) console.warning(message);
    if (level == freeinit::LogLevel::info) console.info(message);
  };
  control.progress = [&, discards](const freeinit::Progress& progress) {
    const bool finishing =
        progress.phase == freeinit::Phase::decode || progress.phase == freeinit::Phase::write;
    if (interrupt.requested() && (discards || !finishing)) stop.request_stop();
    view.show(progress);
  };
  return control;
}

freeinit::TextToVideoPipeline load_pipeline(const PreparedRun& run,
                                            const std::optional<freeinit::ProfileTrace>& trace,
                                            const freeinit::RunControl& control) {
  auto bundle = freeinit::ModelBundle::load(run.manifest, run.bundle, run.bundle_options, control);
  if (trace) bundle = bundle.with(trace->watch(bundle.unet()));
  return freeinit::TextToVideoPipeline(std::move(bundle));
}

std::shared_ptr<const freeinit::Autoencoder> autoencoder_of(
    const PreparedRun& run, const freeinit::TextToVideoPipeline& pipeline) {
  return freeinit::with_tiling(pipeline.bundle().autoencoder(), run.request.vae_tiling);
}

void complete_inputs(PreparedRun& run, const freeinit::TextToVideoPipeline& pipeline,
                     const freeinit::RunControl& control) {
  pipeline.validate(run.request, run.inputs);
  if (!run.init_frames.defined()) return;
  const auto autoencoder = autoencoder_of(run, pipeline);
  run.inputs.video_latents = freeinit::encode_clip(*autoencoder, run.init_frames,
                                                   run.request.height, run.request.width, control);
  autoencoder->release();
}

std::string stop_note(const freeinit::GenerationRequest& request,
                      const freeinit::GenerationResult& result) {
  const auto of = [](std::int64_t i, std::int64_t n) {
    return std::to_string(i) + " of " + std::to_string(n);
  };
  std::string note = "stopped: written as it was after pass " +
                     of(result.videos.back().completed_passes, request.free_init.num_iters);
  if (request.num_videos > 1) {
    note += " of video " + of(static_cast<std::int64_t>(result.videos.size()), request.num_videos);
  }
  return note;
}

freeinit::GenerationResult generate_and_write(const GenerateArguments& arguments,
                                              const PreparedRun& run,
                                              const freeinit::TextToVideoPipeline& pipeline,
                                              const std::optional<freeinit::CheckpointFolder>& kept,
                                              const freeinit::RunControl& control, Console& console,
                                              PhaseSeconds& seconds) {
  const auto& request = run.request;
  const bool discards = arguments.checkpoint.discards();
  const auto autoencoder = autoencoder_of(run, pipeline);
  auto options = writer_options(arguments, run, control, console);
  if (!kept) options.left_latents = decode_note(arguments, console);
  OutputWriter writer(run.plan, *autoencoder, std::move(options));
  auto hooks = output_hooks(writer, discards, console);
  if (kept) {
    add_checkpoints(hooks, *kept, request, arguments.checkpoint, pipeline.bundle().device(),
                    console);
  }
  hooks.check_steps = arguments.check_steps;
  freeinit::GenerationResult result;
  try {
    result = pipeline.generate(request, run.inputs, control, hooks);
    if (result.cancelled && discards) {
      freeinit::raise(freeinit::ErrorCode::cancelled, "stopped: the video that ran is discarded");
    }
  } catch (...) {  // memory that ran out, too
    if (writer.videos_written() > 0) {
      const std::string how = control.stop.stop_requested() ? "stopped" : "failed";
      console.warning(how + " in video " + std::to_string(writer.videos_written() + 1) + " of " +
                      std::to_string(request.num_videos) + "; those before it are written");
    }
    say_how_to_go_on(kept, /*written=*/false, console);
    throw;
  }
  if (result.cancelled) say_how_to_go_on(kept, /*written=*/true, console);
  for (const auto& times : {result.seconds, writer.seconds()}) {
    for (const auto& [phase, time] : times) seconds[phase] += time;
  }
  return result;
}

}  // namespace freeinit_cli
