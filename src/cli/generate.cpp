#include "command.hpp"
#include "config_file.hpp"
#include "default_bundle.hpp"
#include "generate_options.hpp"
#include "generate_report.hpp"
#include "interrupt.hpp"
#include "output_writer.hpp"
#include "progress_view.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/models/autoencoder.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

namespace freeinit_cli {
namespace {

constexpr const char* kGenerateFooter = R"(
Settings that are not given come from the bundle's manifest.

Examples:
  freeinit generate "a red circle moving right" -o circle.mp4
  freeinit generate "a red circle moving right" --seed 7 --num-iters 1 -o plain.gif
  freeinit generate "a blue square" --num-videos 4 -o clips/square.webm
  freeinit generate "a blue square" --filter gaussian --spatial-stop 0.2 --save-passes passes/
  freeinit generate --config settings.toml --json          (settings.toml: prompt = "a blue square")

Ctrl-C ends the run after the current step and writes the last complete pass; a second one kills.)";

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

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

void check_prompt(const GenerateArguments& arguments) {
  if (arguments.prompt.empty()) {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "PROMPT: missing or empty; expected a text, here or as 'prompt' in --config");
  }
}

/// With --save-passes every pass is decoded and written as soon as it is complete.
void write_passes_on_the_way(freeinit::GenerationRequest& request, const OutputWriter& writer,
                             const freeinit::TextToVideoPipeline& pipeline) {
  if (writer.plan.passes_folder.empty()) return;
  request.on_pass = [&, chunk = request.decode_chunk_size, video = -1](
                        int pass, const at::Tensor& latents) mutable {
    if (pass == 0) ++video;        // videos come in turn
    freeinit::RunControl control;  // without a stop token: a complete pass is always written
    control.progress = writer.progress;
    const auto& autoencoder = *pipeline.bundle().autoencoder;
    writer.write_pass(video, pass, latents,
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

void run_generate(const GenerateArguments& arguments, Console& console) {
  const InterruptGuard interrupt;
  check_prompt(arguments);
  const auto plan = arguments.output_plan();
  plan.check();
  const auto bundle_options = arguments.bundle_options();
  const auto folder = bundle_or_default(arguments.bundle);
  auto request = arguments.request(freeinit::read_manifest(folder));
  if (arguments.threads) at::set_num_threads(*arguments.threads);

  std::stop_source stop;
  ProgressView view(console,
                    freeinit::steps_per_pass(request.free_init, request.num_inference_steps));
  const auto control = make_control(console, view, interrupt, stop);

  const Stopwatch loading;
  const freeinit::TextToVideoPipeline pipeline(
      freeinit::ModelBundle::load(folder, bundle_options, control));
  const double load_seconds = loading.seconds();
  pipeline.validate(request);
  console.info("seed " + std::to_string(request.seed));

  const OutputWriter writer{
      .plan = plan,
      .fps = request.fps,
      .profile = request.free_init.profile,
      .metadata = {{"prompt", request.prompt}, {"seed", std::to_string(request.seed)}},
      .progress = control.progress};
  write_passes_on_the_way(request, writer, pipeline);
  const auto result = pipeline.generate(request, control);
  if (result.cancelled) console.warning(stop_note(request, result));

  const Stopwatch writing;
  writer.write_result(result.latents, result.frames);
  auto seconds = result.seconds;
  seconds[freeinit::Phase::load] = load_seconds;
  seconds[freeinit::Phase::write] = writing.seconds();
  console.end_progress();
  console.result(arguments.json ? report_json(arguments, request, pipeline, result, seconds)
                                : report_line(arguments, request, result, seconds));
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
