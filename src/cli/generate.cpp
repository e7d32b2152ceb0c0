#include "command.hpp"
#include "config_file.hpp"
#include "default_bundle.hpp"
#include "generate_options.hpp"
#include "generate_report.hpp"
#include "interrupt.hpp"
#include "output_writer.hpp"
#include "progress_view.hpp"
#include "stopwatch.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/networks/autoencoder.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <CLI/CLI.hpp>

#include <filesystem>
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
  freeinit generate "a blue square" --filter gaussian --spatial-stop 0.2 --save-passes passes/
  freeinit generate "a blue square" --mix variance-preserving --filter-axes temporal
  freeinit generate "a blue square" --filter-schedule gaussian:0.3,butterworth:0.2:0.2
  freeinit generate "a blue square" --intermediate prediction --intermediate-steps 3
  freeinit generate "a blue square" --intermediate partial --stop-timestep 321 --mix freqprior
  freeinit generate "a blue square" --num-iters 5 --tolerance 0.02 --budget-calls 60
  freeinit generate --config settings.toml --json          (settings.toml: prompt = "a blue square")

Ctrl-C ends the run after the current step and writes the last complete pass; a second one kills.)";

/// Shows progress and hands a noted Ctrl-C to the library. Decoding and writing are finished once a
/// video is there, so the stop is not passed on then.
freeinit::RunControl make_control(Console& console, ProgressView& view,
                                  const InterruptGuard& interrupt, std::stop_source& stop) {
  freeinit::RunControl control;
  control.stop = stop.get_token();
  control.log = [&console](freeinit::LogLevel level, std::string_view message) {
    if (level == freeinit::LogLevel::warning) console.warning(message);
    if (level == freeinit::LogLevel::info) console.info(message);
  };
  control.progress = [&](const freeinit::Progress& progress) {
    const bool finishing =
        progress.phase == freeinit::Phase::decode || progress.phase == freeinit::Phase::write;
    if (interrupt.requested() && !finishing) stop.request_stop();
    view.show(progress);
  };
  return control;
}

/// A run before any network is read: whatever can be refused without them has been.
struct PreparedRun {
  OutputPlan plan;
  freeinit::BundleOptions bundle_options;
  std::filesystem::path bundle;
  freeinit::Manifest manifest;
  freeinit::GenerationRequest request;
  double file_fps = 0.0;
  at::Tensor init_frames;  ///< of --init-video, [F,H,W,3] uint8; else undefined
};

/// Not an error: who compares numbers of passes leaves the other options as they are.
void warn_of_idle_options(const GenerateArguments& arguments,
                          const freeinit::GenerationRequest& request, Console& console) {
  const std::string idle = arguments.methods.of_later_passes();
  // The low band of a video is mixed as that of a pass is.
  if (request.free_init.num_iters != 1 || request.video_init.low_band || idle.empty()) return;
  console.warning("--num-iters 1 is plain sampling: nothing comes of " + idle);
}

PreparedRun prepare(const GenerateArguments& arguments, Console& console) {
  if (arguments.prompt.empty()) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "PROMPT: missing or empty; expected a text, here or as 'prompt' in --config");
  }
  PreparedRun run;
  run.plan = arguments.output_plan();
  run.plan.check();
  run.bundle = bundle_or_default(arguments.bundle);
  run.manifest = freeinit::read_manifest(run.bundle);
  run.bundle_options = arguments.bundle_options(run.manifest);
  run.request = arguments.request(run.manifest);
  freeinit::check_request(run.request, run.manifest);
  run.file_fps = arguments.file_fps(run.manifest, run.request);
  run.init_frames = arguments.video_init.read(run.request, console);
  warn_of_idle_options(arguments, run.request, console);
  arguments.runtime.apply_to_process();
  return run;
}

/// The loaded pipeline, its UNet watched by the trace if there is one.
freeinit::TextToVideoPipeline load_pipeline(const PreparedRun& run,
                                            const std::optional<freeinit::ProfileTrace>& trace,
                                            const freeinit::RunControl& control) {
  auto bundle = freeinit::ModelBundle::load(run.manifest, run.bundle, run.bundle_options, control);
  if (trace) bundle = bundle.with(trace->watch(bundle.unet()));
  return freeinit::TextToVideoPipeline(std::move(bundle));
}

/// What needs the networks: the request's own checks, then the latents of --init-video.
void complete_request(PreparedRun& run, const freeinit::TextToVideoPipeline& pipeline,
                      const freeinit::RunControl& control) {
  pipeline.validate(run.request);
  if (!run.init_frames.defined()) return;
  const auto& autoencoder = *pipeline.bundle().autoencoder();
  run.request.video_init.latents = freeinit::encode_clip(
      autoencoder, run.init_frames, run.request.height, run.request.width, control);
  autoencoder.release();
}

/// With --save-passes every pass is decoded and written as soon as it is complete, with the noise
/// it started from.
void write_passes_on_the_way(freeinit::GenerationRequest& request, const OutputWriter& writer,
                             const freeinit::TextToVideoPipeline& pipeline) {
  if (writer.plan.passes_folder.empty()) return;
  auto noise = std::make_shared<at::Tensor>();  // kept until its pass is complete
  request.on_noise = [noise](int, const at::Tensor& start) { *noise = start; };
  request.on_pass = [&, noise, chunk = request.decode_chunk_size, video = -1](
                        int pass, const at::Tensor& latents) mutable {
    if (pass == 0) ++video;        // videos come in turn
    freeinit::RunControl control;  // without a stop token: a complete pass is always written
    control.progress = writer.progress;
    const auto& autoencoder = *pipeline.bundle().autoencoder();
    writer.write_pass(video, pass, *noise, latents,
                      freeinit::decode_video(autoencoder, latents, chunk, control));
  };
}

std::string stop_note(const freeinit::GenerationRequest& request,
                      const freeinit::GenerationResult& result) {
  const auto of = [](std::int64_t i, std::int64_t n) {
    return std::to_string(i) + " of " + std::to_string(n);
  };
  std::string note = "stopped: written as it was after pass " +
                     of(result.completed_passes, request.free_init.num_iters);
  if (request.num_videos > 1) {
    note += " of video " + of(result.latents.size(0), request.num_videos);
  }
  return note;
}

/// Samples, decodes and writes; `seconds` gets the time of each phase.
freeinit::GenerationResult generate_and_write(const PreparedRun& run,
                                              const freeinit::TextToVideoPipeline& pipeline,
                                              const freeinit::RunControl& control, Console& console,
                                              PhaseSeconds& seconds) {
  auto request = run.request;
  const OutputWriter writer{
      .plan = run.plan,
      .fps = run.file_fps,
      .profile = request.free_init.profile,
      .metadata = {{"prompt", request.prompt}, {"seed", std::to_string(request.seed)}},
      .progress = control.progress};
  write_passes_on_the_way(request, writer, pipeline);
  request.decode = !run.plan.frames.empty();  // else frames go to the video as they are decoded
  auto result = pipeline.generate(request, control);
  if (result.cancelled) console.warning(stop_note(request, result));
  seconds.insert(result.seconds.begin(), result.seconds.end());
  if (request.decode) {
    writer.write_result(result.latents, result.frames, seconds);
  } else {
    const auto& autoencoder = *pipeline.bundle().autoencoder();
    writer.decode_and_write(autoencoder, result.latents, request.decode_chunk_size, seconds);
  }
  return result;
}

void run_generate(const GenerateArguments& arguments, Console& console) {
  const InterruptGuard interrupt;
  auto run = prepare(arguments, console);
  std::stop_source stop;
  ProgressView view(console);
  std::optional<freeinit::ProfileTrace> trace;
  if (!run.plan.trace.empty()) trace.emplace();
  auto control = make_control(console, view, interrupt, stop);
  if (trace) control = trace->watch(std::move(control));

  const Stopwatch loading;
  const auto pipeline = load_pipeline(run, trace, control);
  PhaseSeconds seconds{{freeinit::Phase::load, loading.seconds()}};
  complete_request(run, pipeline, control);
  console.info("seed " + std::to_string(run.request.seed));
  const auto write_trace = [&] {
    if (trace) trace->write(run.plan.trace);
  };
  freeinit::GenerationResult result;
  try {
    result = generate_and_write(run, pipeline, control, console, seconds);
  } catch (const freeinit::Error&) {
    write_trace();  // a run that was stopped has spent its time, too
    throw;
  }
  write_trace();
  console.end_progress();
  console.result(arguments.json ? report_json(arguments, run.request, pipeline, result, seconds)
                                : report_line(arguments, run.request, result, seconds));
}

}  // namespace

void add_generate(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("generate", "Make a video of a prompt");
  auto arguments = std::make_shared<GenerateArguments>();
  add_generate_options(*command, *arguments);
  command->footer(kGenerateFooter);
  command->callback([=, &selected] {
    if (!arguments->config.empty()) apply_config_file(*command, arguments->config);
    selected = [=](Console& console) { run_generate(*arguments, console); };
  });
}

}  // namespace freeinit_cli
