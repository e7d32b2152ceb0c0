#include "generate/dry_run.hpp"
#include "generate/generate_options.hpp"
#include "generate/generate_report.hpp"
#include "generate/kept_run.hpp"
#include "generate/output_writer.hpp"
#include "generate/prepared_run.hpp"
#include "generate/run_needs.hpp"
#include "shared/command.hpp"
#include "shared/config_file.hpp"
#include "shared/default_bundle.hpp"
#include "shared/error_report.hpp"
#include "shared/interrupt.hpp"
#include "shared/output_files.hpp"
#include "shared/progress_view.hpp"
#include "shared/stopwatch.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/video_file.hpp>
#include <freeinit/networks/tiled_autoencoder.hpp>
#include <freeinit/pipeline/clip_latents.hpp>
#include <freeinit/pipeline/profile_trace.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace freeinit_cli {
namespace {

constexpr const char* kGenerateFooter = R"(
Settings that are not given come from the bundle's manifest.

Examples:
  freeinit generate "a red circle moving right" -o circle.mp4
  freeinit generate "a red circle moving right" --seed 7 --num-iters 1 -o plain.gif
  freeinit generate "a blue square" --num-videos 4 -o square.webm
  freeinit generate "a blue square" --init-video circle.mp4 --strength 0.6
  freeinit generate "a blue square" --filter gaussian --spatial-stop 0.2 --save-passes passes/
  freeinit generate "a blue square" --mix variance-preserving --filter-axes temporal
  freeinit generate "a blue square" --filter-schedule gaussian:0.3,butterworth:0.2:0.2
  freeinit generate "a blue square" --intermediate prediction --intermediate-steps 3
  freeinit generate "a blue square" --intermediate partial --intermediate-steps 17 --mix freqprior
  freeinit generate "a blue square" --num-iters 5 --budget-calls 60
  freeinit generate --config settings.toml --json          (settings.toml: prompt = "a blue square")
  freeinit generate "a blue square" --checkpoint run
  freeinit generate --resume run --num-iters 5      (after a crash, or for more passes)

Ctrl-C ends the run after the current step and writes the last complete pass; a second one kills.)";

/// Shows progress and hands a noted signal to the library. Decoding and writing are finished once a
/// video is there, so the stop is not passed on then unless the video is to be discarded.
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

/// The loaded pipeline, its UNet watched by the trace if there is one.
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

/// What needs the networks: the request's own checks, then the latents of --init-video.
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

/// What the tensor files say of themselves: text in UTF-8, as the tokenizer reads it.
std::map<std::string, std::string> tensor_metadata(const GenerateArguments& arguments,
                                                   const freeinit::GenerationRequest& request) {
  if (arguments.no_metadata) return {};
  return {{"prompt", freeinit::excerpt(request.prompt, std::string::npos)},
          {"seed", std::to_string(request.seed)}};
}

std::function<std::map<std::string, std::string>(int)> metadata_of_videos(
    const GenerateArguments& arguments, const freeinit::GenerationRequest& request,
    const std::string& model) {
  return [&arguments, &request, model](int index) {
    return arguments.no_metadata ? std::map<std::string, std::string>{}
                                 : video_metadata(arguments, request, model, index);
  };
}

/// The folder that keeps this run, with its record written; nothing without one.
void keep_run(std::optional<freeinit::CheckpointFolder>& kept, const GenerateArguments& arguments,
              const PreparedRun& run, const freeinit::TextToVideoPipeline& pipeline) {
  if (kept && run.request != kept->record().request) kept->set_request(run.request);
  const std::string& folder = arguments.checkpoint.folder;
  if (folder.empty()) return;
  kept = freeinit::CheckpointFolder::create(
      folder, {.request = run.request,
               .inputs = run.inputs,
               .bundle = freeinit::bundle_hashes(run.bundle, run.manifest),
               .notes = notes_of_run(arguments, run.plan, pipeline)});
}

WriterOptions writer_options(const GenerateArguments& arguments, const PreparedRun& run,
                             const freeinit::RunControl& control, Console& console) {
  const auto& request = run.request;
  return {.fps = file_fps(request),
          .profile = request.free_init.profile,
          .chunk_size = request.decode_chunk_size,
          .metadata = tensor_metadata(arguments, request),
          .video_metadata = metadata_of_videos(arguments, request, run.manifest.name),
          .progress = control.progress,
          .wrote = [&console](const std::filesystem::path& path) { say_written(path, console); },
          .kept = [&console](const std::filesystem::path& path) { say_kept(path, console); },
          .stop = arguments.checkpoint.discards() ? control.stop : std::stop_token()};
}

/// The writer's hooks, without the video that the run was stopped in if that is discarded.
freeinit::GenerationHooks output_hooks(OutputWriter& writer, bool discards) {
  auto hooks = writer.hooks();
  if (!discards) return hooks;
  hooks.on_video = [write = std::move(hooks.on_video)](const freeinit::GeneratedVideo& video) {
    if (!video.cancelled) write(video);
  };
  return hooks;
}

void say_how_to_go_on(const std::optional<freeinit::CheckpointFolder>& kept, Console& console) {
  if (kept) console.info("to go on: freeinit generate --resume " + kept->path().string());
}

/// Samples, and writes each video when it is there; `seconds` gets the time of each phase.
freeinit::GenerationResult generate_and_write(const GenerateArguments& arguments,
                                              const PreparedRun& run,
                                              const freeinit::TextToVideoPipeline& pipeline,
                                              const std::optional<freeinit::CheckpointFolder>& kept,
                                              const freeinit::RunControl& control, Console& console,
                                              PhaseSeconds& seconds) {
  const auto& request = run.request;
  const bool discards = arguments.checkpoint.discards();
  const auto autoencoder = autoencoder_of(run, pipeline);
  OutputWriter writer(run.plan, *autoencoder, writer_options(arguments, run, control, console));
  auto hooks = output_hooks(writer, discards);
  if (kept) {
    add_checkpoints(hooks, *kept, arguments.checkpoint, pipeline.bundle().device(), console);
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
    say_how_to_go_on(kept, console);
    throw;
  }
  if (result.cancelled) {
    console.warning(stop_note(request, result));
    say_how_to_go_on(kept, console);
  }
  for (const auto& times : {result.seconds, writer.seconds()}) {
    for (const auto& [phase, time] : times) seconds[phase] += time;
  }
  return result;
}

void run_generate(const GenerateArguments& given, Console& console) {
  const InterruptGuard interrupt;
  auto kept = open_kept_run(given.checkpoint);
  const GenerateArguments arguments = kept ? with_kept(given, *kept, console) : given;
  auto run = prepare(arguments, kept ? &*kept : nullptr, console);
  std::stop_source stop;
  ProgressView view(console);
  std::optional<freeinit::ProfileTrace> trace;
  if (!run.plan.trace.empty()) trace.emplace();
  auto control = make_control(console, view, interrupt, stop, arguments.checkpoint.discards());
  if (trace) control = trace->watch(std::move(control));

  if (arguments.dry_run) {
    dry_run(
        arguments, run, [&] { return load_pipeline(run, trace, control); }, console);
    return;
  }
  const Stopwatch loading;
  const auto pipeline = load_pipeline(run, trace, control);
  PhaseSeconds seconds{{freeinit::Phase::load, loading.seconds()}};
  complete_inputs(run, pipeline, control);
  keep_run(kept, arguments, run, pipeline);
  console.info("seed " + std::to_string(run.request.seed));
  const auto write_trace = [&] {
    if (!trace) return;
    trace->write(run.plan.trace);
    say_written(run.plan.trace, console);
  };
  freeinit::GenerationResult result;
  try {
    result = generate_and_write(arguments, run, pipeline, kept, control, console, seconds);
  } catch (const freeinit::Error&) {
    write_trace();  // a run that was stopped has spent its time, too
    throw;
  }
  write_trace();
  console.end_progress();
  console.result(arguments.json ? report_json(arguments, run, pipeline, result, seconds)
                                : report_line(run.plan, run.request, result, seconds));
}

}  // namespace

void add_generate(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("generate", "Make a video of a prompt");
  auto arguments = std::make_shared<GenerateArguments>();
  add_generate_options(*command, *arguments);
  command->footer(kGenerateFooter);
  command->callback([=, &selected] {
    if (!arguments->config.empty()) apply_config_file(*command, arguments->config, kResultKeys);
    selected = [=](Console& console) {
      with_memory_advice([&] { run_generate(*arguments, console); });
    };
  });
}

}  // namespace freeinit_cli
