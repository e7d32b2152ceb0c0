#include "generate/kept_run.hpp"

#include "shared/default_bundle.hpp"
#include "shared/error_report.hpp"
#include "shared/output_files.hpp"
#include "shared/spare_output.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/options/request_fields.hpp>

#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <charconv>
#include <system_error>
#include <utility>
#include <vector>

namespace freeinit_cli {
namespace {

using Notes = std::map<std::string, std::string>;

std::string note(const Notes& notes, const std::string& name) {
  const auto found = notes.find(name);
  return found == notes.end() ? std::string() : found->second;
}

template <class Number>
std::optional<Number> number_note(const Notes& notes, const std::string& name) {
  const std::string text = note(notes, name);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} ? std::optional(number) : std::nullopt;
}

/// What was given stays, with a warning where it is another; what was not comes from the notes.
void restore(std::string& value, const Notes& notes, const std::string& name, bool given,
             Console& console) {
  const std::string kept = note(notes, name);
  if (given && value != kept) {
    console.warning("--" + name + " " + value + ": the run was kept with '" +
                    freeinit::excerpt(kept) + "'; the last digits may differ");
  }
  if (!given) value = kept;
}

/// What rounds, beside the device: the name of the note, what it is of, and what it is now. Empty
/// where the run has none of it.
struct Version {
  const char* name;
  const char* what;
  std::string now;
};

std::vector<Version> versions(bool uses_openvino) {
  return {{"libtorch", "LibTorch", FREEINIT_LIBTORCH_VERSION},
          {"instructions", "the instruction set", at::get_cpu_capability()},
          {"openvino", "OpenVINO", uses_openvino ? freeinit::openvino_version() : std::string()}};
}

/// Nothing of this can be chosen, so another one is a warning.
void warn_of_other_versions(const Notes& notes, Console& console) {
  const bool uses_openvino = !note(notes, "openvino").empty();
  for (const auto& [name, what, now] : versions(uses_openvino)) {
    const std::string kept = note(notes, name);
    if (kept.empty() || now.empty() || kept == now) continue;
    console.warning(freeinit::concat("the run was kept with ", what, " ", freeinit::excerpt(kept),
                                     ", this is ", now, "; the last digits may differ"));
  }
}

void restore_machine(RuntimeArguments& runtime, const Notes& notes, Console& console) {
  restore(runtime.device, notes, "device", !runtime.device.empty(), console);
  restore(runtime.backend, notes, "backend", !runtime.backend.empty(), console);
  const auto threads = number_note<int>(notes, "threads");
  if (runtime.threads && threads && *runtime.threads != *threads) {
    console.warning("--threads " + std::to_string(*runtime.threads) + ": the run was kept with " +
                    std::to_string(*threads) + "; the last digits may differ");
  }
  if (!runtime.threads) runtime.threads = threads;
  warn_of_other_versions(notes, console);
}

/// For what the videos say of themselves.
void restore_sources(GenerateArguments& arguments, const Notes& notes) {
  arguments.init_noise = note(notes, "init_noise");
  arguments.filter_mask = note(notes, "filter_mask");
  auto& video = arguments.video_init;
  video.video = note(notes, "init_video");
  video.latents = note(notes, "init_latents");
  auto& selection = video.selection;
  selection.first = number_note<std::int64_t>(notes, "init_start").value_or(selection.first);
  selection.stride = number_note<std::int64_t>(notes, "init_stride").value_or(selection.stride);
  selection.fps = number_note<double>(notes, "init_fps").value_or(selection.fps);
  selection.stream = number_note<int>(notes, "init_stream").value_or(selection.stream);
}

/// Whether the request adds what a crash may leave undone.
bool asks_for_more(const freeinit::GenerationRequest& request,
                   const freeinit::GenerationRequest& kept) {
  return request.free_init.num_iters > kept.free_init.num_iters ||
         request.num_videos > kept.num_videos;
}

/// Whether nothing is left to do for a video. What it says of itself is of the request at that
/// time, which had fewer passes or more; those of a budget alone are always the same.
bool is_complete(const freeinit::VideoState& state, const freeinit::GenerationRequest& request) {
  const auto& options = request.free_init;
  return options.budget_calls ? state.done : state.run.pass >= options.num_iters;
}

}  // namespace

std::optional<freeinit::CheckpointFolder> open_kept_run(const CheckpointArguments& arguments) {
  if (arguments.resume.empty()) return std::nullopt;
  return freeinit::CheckpointFolder::open(arguments.resume);
}

void check_checkpoint_folder(const GenerateArguments& arguments) {
  std::filesystem::path folder = arguments.checkpoint.folder;
  if (folder.empty()) return;
  if (!folder.has_filename()) folder = folder.parent_path();  // "run/": what is called "run"
  std::error_code unknown;
  const bool is_there = std::filesystem::exists(folder, unknown);
  const bool is_folder = std::filesystem::is_directory(folder, unknown);
  if (!is_folder && (is_there || std::filesystem::is_symlink(folder, unknown))) {
    refuse("checkpoint '" + folder.string() + "': is " +
           (is_there ? "a file" : "a link to nothing") + "; expected a folder");
  }
  check_output(is_there ? folder / "run.safetensors" : folder, /*overwrite=*/true);
  if (arguments.overwrite || !freeinit::CheckpointFolder::holds_run(folder)) return;
  refuse("checkpoint '" + folder.string() +
         "': holds a run already; --resume goes on with it, --overwrite replaces it");
}

Notes notes_of_run(const GenerateArguments& arguments, const OutputPlan& plan,
                   const freeinit::TextToVideoPipeline& pipeline) {
  const auto& bundle = pipeline.bundle();
  const auto& video = arguments.video_init;
  const auto& selection = video.selection;
  Notes notes{{"bundle", std::filesystem::absolute(bundle_or_default(arguments.bundle)).string()},
              {"output", plan.video.string()},
              {"device", bundle.device().str()},
              {"backend", std::string(bundle.backend().name)},
              {"threads", std::to_string(at::get_num_threads())},
              {"init_noise", arguments.init_noise},
              {"filter_mask", arguments.filter_mask},
              {"init_video", video.video},
              {"init_latents", video.latents},
              {"init_start", freeinit::concat(selection.first)},
              {"init_stride", freeinit::concat(selection.stride)},
              {"init_fps", freeinit::field_text(selection.fps)},
              {"init_stream", freeinit::concat(selection.stream)}};
  const bool uses_openvino = bundle.backend().runtime == freeinit::Runtime::openvino;
  for (const auto& [name, what, now] : versions(uses_openvino)) notes[name] = now;
  for (auto& [name, text] : notes) text = freeinit::excerpt(text, std::string::npos);
  return notes;
}

GenerateArguments with_kept(GenerateArguments arguments, const freeinit::CheckpointFolder& kept,
                            Console& console) {
  if (!arguments.init_noise.empty() || !arguments.filter_mask.empty() ||
      arguments.video_init.given()) {
    refuse(
        "--resume with --init-noise, --init-video, --init-latents or --filter-mask: expected "
        "none of them; the checkpoint holds what the run starts from");
  }
  if (!arguments.compare.empty()) {
    refuse(
        "--resume with --compare: expected no --compare; passes that were complete before are not "
        "kept");
  }
  const Notes& notes = kept.record().notes;
  if (arguments.bundle.empty()) arguments.bundle = note(notes, "bundle");
  arguments.default_output = note(notes, "output");
  if (arguments.default_output.empty()) arguments.default_output = "video.mp4";
  restore_machine(arguments.runtime, notes, console);
  restore_sources(arguments, notes);
  return arguments;
}

freeinit::GenerationRequest kept_request(const GenerateArguments& arguments,
                                         const freeinit::CheckpointFolder& kept) {
  auto request = kept.record().request;
  if (arguments.runtime.low_memory) request.decode_chunk_size = 1;
  request = arguments.settings.over(std::move(request));
  kept.check_request(request);
  return request;
}

void keep_request(freeinit::CheckpointFolder& kept, const freeinit::GenerationRequest& request) {
  const auto& former = kept.record().request;
  if (request != former && !asks_for_more(request, former)) kept.set_request(request);
}

std::set<std::filesystem::path> written_videos(const OutputPlan& plan,
                                               const freeinit::CheckpointFolder& kept,
                                               const freeinit::GenerationRequest& request) {
  const bool extends = request.free_init.num_iters != kept.record().request.free_init.num_iters;
  if (extends || plan.overwrite || !plan.frames.empty()) return {};
  std::set<std::filesystem::path> written;
  for (int index = 0; index < plan.num_videos; ++index) {
    const auto path = plan.video_path(index);
    std::error_code missing;
    const auto file_time = std::filesystem::last_write_time(path, missing);
    if (missing) continue;
    const auto state = kept.read(index);
    const bool done = state && is_complete(*state, request);
    if (done && file_time >= std::filesystem::last_write_time(kept.video_path(index))) {
      written.insert(path);
    }
  }
  return written;
}

void add_checkpoints(freeinit::GenerationHooks& hooks, const freeinit::CheckpointFolder& folder,
                     const freeinit::GenerationRequest& request,
                     const CheckpointArguments& arguments, at::Device device, Console& console) {
  folder.add_to(hooks, device);
  hooks.checkpoint_every = arguments.every;
  hooks.on_checkpoint = [kept = folder, &request,
                         spare = SpareOutput(console, "the run goes on without newer checkpoints")](
                            const freeinit::VideoState& state) mutable {
    spare.write([&] {
      // First the request: a state that is further than it would fit none.
      if (kept.record().request != request) kept.set_request(request);
      kept.write(state);
    });
  };
}

}  // namespace freeinit_cli
