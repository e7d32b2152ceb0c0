#include "generate/generate_report.hpp"
#include "generate/run_needs.hpp"
#include "generate/run_parts.hpp"
#include "shared/command.hpp"
#include "shared/config_file.hpp"
#include "shared/default_bundle.hpp"
#include "shared/error_report.hpp"
#include "shared/json_text.hpp"
#include "shared/option_group.hpp"
#include "shared/output_files.hpp"
#include "shared/temporary_folder.hpp"
#include "shared/text_output.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/file_metadata.hpp>
#include <freeinit/io/sha256.hpp>
#include <freeinit/tensors/video_frames.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace freeinit_cli {
namespace {

using nlohmann::ordered_json;

struct ReplayArguments {
  std::string video;
  bool json = false;
  GenerateArguments run;  ///< bundle, machine and output
};

constexpr const char* kReplayFooter = R"(
The settings are those that the video says of itself. Files that its run started from are looked for
beside it.

Example:
  freeinit generate "a red circle moving right" -o circle.mp4 && freeinit replay circle.mp4

Exit codes: 0 the frames are the same, 9 they are not, others as of generate.)";

ordered_json settings_of(const std::filesystem::path& video) {
  const auto metadata = freeinit::read_file_metadata(video);
  const auto comment = metadata.find("comment");
  if (comment == metadata.end()) {
    freeinit::raise(freeinit::ErrorCode::invalid_file,
                    "'" + video.string() +
                        "': says nothing of how it was made; expected a video of freeinit generate "
                        "without --no-metadata");
  }
  return read_json_object(comment->second, "settings in '" + video.string() + "'");
}

/// A video names such files without their folders.
void find_beside(const std::filesystem::path& video, std::string& file) {
  const auto beside = output_place(video).parent_path() / file;  // of a folder of frames, too
  std::error_code unknown;
  if (!file.empty() && std::filesystem::exists(beside, unknown)) file = beside.string();
}

/// What the video says, as options of `generate`; what it names is only read.
GenerateArguments arguments_of(const ReplayArguments& given, const std::filesystem::path& video,
                               const ordered_json& settings) {
  GenerateArguments arguments = given.run;
  CLI::App command("", "generate");
  add_request_options(command, arguments);
  refuse_empty_names(command);
  apply_json(command, settings, "settings in '" + video.string() + "'", kResultKeys);
  for (std::string* file : {&arguments.filter_mask, &arguments.init_noise,
                            &arguments.video_init.video, &arguments.video_init.latents}) {
    find_beside(video, *file);
  }
  // Of a run that was stopped the last complete pass is the video.
  arguments.checkpoint.on_cancel = completed_passes(settings) ? "save" : "discard";
  return arguments;
}

void check_maker(const ordered_json& settings, const freeinit::Manifest& manifest,
                 Console& console) {
  const auto text = [&settings](const char* key) {
    const auto found = settings.find(key);
    return found != settings.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
  };
  if (text("model") != manifest.name) {
    refuse("model " + freeinit::quote(text("model")) + ": made the video, and the bundle is " +
           freeinit::quote(manifest.name) + "; expected its own as --bundle");
  }
  if (text("version") == FREEINIT_VERSION) return;
  console.warning("version " + freeinit::quote(text("version")) +
                  " made the video; this is " FREEINIT_VERSION);
}

/// Makes the video again at `arguments.output`, and stops where its run was stopped. `keeps`: the
/// file is worth a word.
void make(const GenerateArguments& arguments, const ordered_json& settings, bool keeps,
          Console& console) {
  const InterruptGuard interrupt;
  auto run = prepare(arguments, nullptr, console);
  check_maker(settings, run.manifest, console);
  std::stop_source stop;
  ProgressView view(console);
  auto control = make_control(console, view, interrupt, stop, /*discards=*/true);
  if (const auto passes = completed_passes(settings)) {
    control.progress = [&stop, passes, show = control.progress](const auto& progress) {
      if (progress.pass >= *passes) stop.request_stop();
      show(progress);
    };
  }
  const auto pipeline = load_pipeline(run, std::nullopt, control);
  complete_inputs(run, pipeline, control);
  PhaseSeconds seconds;
  console.mute(!keeps);
  (void)generate_and_write(arguments, run, pipeline, std::nullopt, control, console, seconds);
  if (interrupt.requested()) {
    freeinit::raise(freeinit::ErrorCode::cancelled, "stopped: nothing is compared");
  }
  console.mute(false);
  console.end_progress();
}

/// How two videos differ.
struct Comparison {
  bool same_file = false;
  bool same_size = false;
  bool of_folder = false;
  std::int64_t largest = 0;  ///< difference of two bytes
  double mean = 0.0;

  [[nodiscard]] bool same_frames() const { return same_size && largest == 0; }
};

Comparison compare(const std::filesystem::path& video, const std::filesystem::path& again) {
  Comparison found;
  found.of_folder = std::filesystem::is_directory(video);
  found.same_file =
      !found.of_folder && freeinit::sha256_of_file(video) == freeinit::sha256_of_file(again);
  const freeinit::FrameSelection all{.max_frames = std::numeric_limits<std::int64_t>::max()};
  const at::Tensor one = freeinit::load_video_frames(video, all).frames;
  const at::Tensor other = freeinit::load_video_frames(again, all).frames;
  found.same_size = one.sizes() == other.sizes();
  if (!found.same_size) return found;
  const at::Tensor difference = one.to(at::kShort).sub(other.to(at::kShort)).abs();
  found.largest = difference.max().item<std::int64_t>();
  found.mean = difference.to(at::kFloat).mean().item<double>();
  return found;
}

std::string verdict(const Comparison& found) {
  if (found.same_file) return "the same file, byte for byte";
  if (found.same_frames() && found.of_folder) return "the same frames";
  if (found.same_frames()) return "the same frames, in a file that differs";
  if (!found.same_size) return "another number or size of frames";
  return "other frames: of 255 they differ by at most " + std::to_string(found.largest) +
         ", on average by " + short_number(found.mean);
}

void run_replay(const ReplayArguments& given, Console& console) {
  const std::filesystem::path video = given.video;
  const auto settings = settings_of(video);
  auto arguments = arguments_of(given, video, settings);
  const TemporaryFolder folder;
  const bool keeps = arguments.output.has_value();
  if (!keeps) {
    const bool is_folder = std::filesystem::is_directory(video);
    const auto name = is_folder ? "again/" : "again" + video.extension().string();
    arguments.output = (folder.path() / name).string();
  }
  make(arguments, settings, keeps, console);
  const auto found = compare(video, *arguments.output);
  if (given.json) {
    console.result(json_text(
        {{"video", given.video},
         {"same_frames", found.same_frames()},
         {"same_file", found.same_file},
         {"largest_difference", found.same_size ? ordered_json(found.largest) : ordered_json()},
         {"mean_difference", found.same_size ? ordered_json(found.mean) : ordered_json()}}));
  } else {
    console.result(given.video + ": " + verdict(found));
  }
  if (found.same_frames()) return;
  throw CommandFailure(kDiffers,
                       "video " + freeinit::quote(given.video) + ": made again it differs");
}

}  // namespace

void add_replay(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("replay", "Make a video again and say whether it is the same");
  auto arguments = std::make_shared<ReplayArguments>();
  auto& a = *arguments;
  command->add_option("VIDEO", a.video, "What generate made: a video, or a folder of PNG frames")
      ->required();
  command->add_option("--bundle", a.run.bundle, kBundleHelp)->type_name("DIR");
  command
      ->add_option("-o,--output", a.run.output, "Keep the video that is made [it is thrown away]")
      ->type_name("FILE");
  command->add_flag("--overwrite", a.run.overwrite, "Replace a file that is there");
  command->add_flag("--json", a.json, "Print the result as one JSON object");
  add_runtime_options(*command, a.run.runtime);
  command->footer(kReplayFooter);
  command->callback([=, &selected] {
    selected = [=](Console& console) {
      with_memory_advice([&] { run_replay(*arguments, console); });
    };
  });
}

}  // namespace freeinit_cli
