#include "generate/dry_run.hpp"
#include "generate/generate_options.hpp"
#include "generate/generate_report.hpp"
#include "generate/idle_options.hpp"
#include "generate/kept_run.hpp"
#include "generate/prepared_run.hpp"
#include "generate/run_needs.hpp"
#include "generate/run_parts.hpp"
#include "shared/command.hpp"
#include "shared/config_file.hpp"
#include "shared/error_report.hpp"
#include "shared/interrupt.hpp"
#include "shared/json_text.hpp"
#include "shared/output_files.hpp"
#include "shared/progress_view.hpp"
#include "shared/stopwatch.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/pipeline/profile_trace.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <CLI/CLI.hpp>

#include <functional>
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
  freeinit generate "a blue square" --preview frames.png --compare passes.png
  freeinit generate "a blue square" --preview-every 5
  freeinit generate "a blue square" --mix variance-preserving --filter-axes temporal
  freeinit generate "a blue square" --filter-schedule gaussian:0.3,butterworth:0.2:0.2
  freeinit generate "a blue square" --intermediate prediction --intermediate-steps 3
  freeinit generate "a blue square" --intermediate partial --intermediate-steps 17 --mix freqprior
  freeinit generate "a blue square" --num-iters 5 --budget-calls 60
  freeinit generate --config settings.toml --json          (settings.toml: prompt = "a blue square")
  freeinit generate "a blue square" --checkpoint run
  freeinit generate --resume run --num-iters 5      (after a crash, or for more passes)

Ctrl-C ends the run after the current step, writes the last complete pass and exits with 130; a second
one kills.)";

/// The folder that keeps this run, with its record written; nothing without one.
void keep_run(std::optional<freeinit::CheckpointFolder>& kept, const GenerateArguments& arguments,
              const PreparedRun& run, const freeinit::TextToVideoPipeline& pipeline) {
  if (kept) keep_request(*kept, run.request);
  const std::string& folder = arguments.checkpoint.folder;
  if (folder.empty()) return;
  kept = freeinit::CheckpointFolder::create(
      folder, {.request = run.request,
               .inputs = run.inputs,
               .bundle = freeinit::bundle_hashes(run.bundle, run.manifest),
               .notes = notes_of_run(arguments, run.plan, pipeline)});
}

/// Settings of a run that was stopped are those of the whole one.
void warn_of_more_passes(const GenerateArguments& arguments, std::int64_t passes,
                         Console& console) {
  const auto& before = arguments.passes_before;
  if (!before || *before >= passes) return;
  console.warning(freeinit::concat("config file ", freeinit::quote(arguments.config),
                                   ": its video is that after pass ", *before, "; this run makes ",
                                   passes, " passes, and 'freeinit replay' the video"));
}

void run_generate(const GenerateArguments& given, Console& console) {
  const InterruptGuard interrupt;
  auto kept = open_kept_run(given.checkpoint);
  const GenerateArguments arguments = kept ? with_kept(given, *kept, console) : given;
  auto run = prepare(arguments, kept ? &*kept : nullptr, console);
  warn_of_idle_options(arguments, run, console);
  warn_of_more_passes(arguments, run.request.free_init.num_iters, console);
  std::stop_source stop;
  ProgressView view(console);
  std::optional<freeinit::ProfileTrace> trace;
  if (!run.plan.trace.empty()) trace.emplace();
  const bool discards = arguments.dry_run || arguments.checkpoint.discards();
  auto control = make_control(console, view, interrupt, stop, discards);
  if (trace) control = trace->watch(std::move(control));

  if (arguments.dry_run) {
    dry_run(
        arguments, run, [&] { return load_pipeline(run, trace, control); }, control, console);
    return;
  }
  const Stopwatch loading;
  const auto pipeline = load_pipeline(run, trace, control);
  PhaseSeconds seconds{{freeinit::Phase::load, loading.seconds()}};
  complete_inputs(run, pipeline, control);
  keep_run(kept, arguments, run, pipeline);
  console.info("seed " + std::to_string(run.request.seed));
  if (run.plan.preview_every > 0) {
    console.info("preview while it runs: " +
                 freeinit::excerpt(run.plan.preview_path(0).string(), std::string::npos));
  }
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
  console.result(arguments.json ? json_text(report_json(arguments, run, pipeline, result, seconds))
                                : report_line(run.plan, run.request, result, seconds));
  if (result.cancelled) {
    throw CommandFailure(stopped_exit_code(), stop_note(run.request, result));
  }
}

}  // namespace

void add_generate(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("generate", "Make a video of a prompt");
  auto arguments = std::make_shared<GenerateArguments>();
  add_generate_options(*command, *arguments);
  command->footer(kGenerateFooter);
  command->callback([=, &selected] {
    if (!arguments->config.empty()) {
      const auto made = apply_config_file(*command, arguments->config, kResultKeys);
      arguments->passes_before = completed_passes(made);
    }
    selected = [=](Console& console) {
      with_memory_advice([&] { run_generate(*arguments, console); });
    };
  });
}

}  // namespace freeinit_cli
