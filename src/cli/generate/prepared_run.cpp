#include "generate/prepared_run.hpp"

#include "generate/kept_run.hpp"
#include "generate/run_needs.hpp"
#include "shared/default_bundle.hpp"
#include "shared/error_report.hpp"

#include <freeinit/io/video_file.hpp>
#include <freeinit/networks/autoencoder.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace freeinit_cli {
namespace {

/// The authors' settings are those of the models that they had: a few-step model asks for others.
void warn_of_foreign_timesteps(const freeinit::Manifest& manifest,
                               const freeinit::GenerationRequest& request, Console& console) {
  const auto wanted = manifest.scheduler.timestep_spacing;
  const auto used = freeinit::request_config(manifest.scheduler, request).timestep_spacing;
  if (request.free_init.profile != freeinit::Profile::official || wanted == used) return;
  console.warning("--profile official: samples at '" + std::string(freeinit::to_string(used)) +
                  "' timesteps, and this model asks for '" +
                  std::string(freeinit::to_string(wanted)) + "'");
}

/// Names that were given are the names that are written; others are free, or this run's own.
OutputPlan plan_of(const GenerateArguments& arguments, const freeinit::GenerationRequest& request,
                   const freeinit::CheckpointFolder* kept) {
  OutputPlan plan = arguments.output_plan(request.num_videos);
  if (kept) {
    plan.checkpoint_folder = kept->path();
    plan.written = written_videos(plan, *kept, request);
  }
  return arguments.output || arguments.overwrite ? plan : plan.with_free_name();
}

}  // namespace

PassComparison comparison_of(const PreparedRun& run, int index) {
  const auto& request = run.request;
  return PassComparison(run.plan.compare_path(index), request.free_init.num_iters,
                        request.num_frames, {request.height, request.width});
}

PreparedRun check_settings(const GenerateArguments& arguments, std::filesystem::path bundle,
                           freeinit::Manifest manifest, const freeinit::CheckpointFolder* kept,
                           Console& console) {
  const std::string of_video =
      arguments.settings.given_of({"strength", "init_source", "init_band"});
  if (!arguments.video_init.given() && !of_video.empty()) {
    refuse(of_video + ": expected --init-video or --init-latents with it");
  }
  PreparedRun run;
  run.bundle = std::move(bundle);
  run.manifest = std::move(manifest);
  if (kept) kept->check_bundle(freeinit::bundle_hashes(run.bundle, run.manifest));
  run.request = kept ? kept_request(arguments, *kept) : arguments.request(run.manifest);
  run.request.validate();
  const auto& keys = run.request.prompt_at;
  const bool begins =
      std::any_of(keys.begin(), keys.end(), [](const auto& key) { return key.frame == 0; });
  if (run.request.prompt.empty() && !begins) {
    refuse("prompt: missing or empty; expected PROMPT, or 'prompt' in a file of settings");
  }
  run.bundle_options = arguments.bundle_options(run.manifest, run.request);
  if (kept) {
    run.inputs = kept->record().inputs;
  } else {
    run.inputs = arguments.inputs();
    run.init_frames = arguments.video_init.read(run.request, run.manifest.vae, run.inputs, console);
  }
  freeinit::check_request(run.request, run.manifest, run.inputs);
  warn_of_foreign_timesteps(run.manifest, run.request, console);
  if (!run.request.decode_chunk_size) {
    run.request.decode_chunk_size =
        freeinit::default_chunk_size(run.request.height, run.request.width);
  }
  return run;
}

void plan_outputs(PreparedRun& run, const GenerateArguments& arguments,
                  const freeinit::CheckpointFolder* kept) {
  if (arguments.preview_every > 0 && !run.manifest.latent_rgb) {
    freeinit::raise(freeinit::ErrorCode::unsupported,
                    "--preview-every: bundle '" + run.bundle.string() +
                        "' has no section 'preview'; freeinit-export preview adds it");
  }
  run.plan = plan_of(arguments, run.request, kept);
  run.plan.check();
  check_checkpoint_folder(arguments);
  for (int i = 0; i < run.plan.num_videos; ++i) {
    freeinit::check_video_writer(
        run.plan.video_path(i),
        {.width = run.request.width, .height = run.request.height, .fps = run.request.file_fps()});
    if (run.plan.compare.empty()) continue;
    comparison_of(run, i).check(run.request.file_fps());
  }
  run.left = work_left(run, kept);
}

PreparedRun prepare(const GenerateArguments& arguments, const freeinit::CheckpointFolder* kept,
                    Console& console) {
  const auto bundle = bundle_or_default(arguments.bundle);
  auto run = check_settings(arguments, bundle, freeinit::read_manifest(bundle), kept, console);
  plan_outputs(run, arguments, kept);
  fit_into_memory(run, arguments.dry_run, console);
  if (!arguments.dry_run) check_disk(run);
  arguments.runtime.apply_to_process(!run.bundle_options.low_memory);
  return run;
}

}  // namespace freeinit_cli
