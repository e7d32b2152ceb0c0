#include "analyze/forward_report.hpp"
#include "analyze/pass_report.hpp"
#include "shared/bundle_autoencoder.hpp"
#include "shared/clip_input.hpp"
#include "shared/command.hpp"
#include "shared/default_bundle.hpp"
#include "shared/error_report.hpp"
#include "shared/json_text.hpp"
#include "shared/operator_options.hpp"
#include "shared/option_group.hpp"
#include "shared/output_files.hpp"

#include <freeinit/analysis/forward_process.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/text_file.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/pipeline/clip_latents.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <optional>

namespace freeinit_cli {
namespace {

struct AnalyzeArguments {
  std::vector<std::string> files;
  std::string passes, bundle, csv, plot, device = "cpu";
  std::optional<std::int64_t> num_frames, height, width;
  freeinit::FrameSelection selection;
  freeinit::ForwardAnalysisOptions options;
  std::set<std::string> allow_operators;
  bool overwrite = false;
  bool json = false;
};

constexpr const char* kAnalyzeFooter = R"(
For real videos: how much of a clip the forward process leaves at each timestep, by spatio-temporal
frequency, against Gaussian noise. Video files are fitted to the bundle's size and encoded with its
autoencoder (the mean of its distribution); .safetensors files hold latents. With --passes: the same
figures of the initial noise of every FreeInit pass, from the files of generate --save-passes.

Examples:
  freeinit analyze clip1.mp4 clip2.mp4 --plot snr.svg --csv snr.csv
  freeinit analyze latents.safetensors --timesteps 500 900 999 --json
  freeinit generate "a red circle" --save-passes run/ && freeinit analyze --passes run/)";

void check_analysis(const AnalyzeArguments& arguments) {
  if (arguments.files.empty() == arguments.passes.empty()) {
    refuse("analyze: expected either files (videos, latents) or --passes DIR");
  }
  if (!arguments.plot.empty() && std::filesystem::path(arguments.plot).extension() != ".svg") {
    refuse("plot '" + arguments.plot + "': unknown extension; expected .svg");
  }
  const std::filesystem::path outputs[] = {arguments.csv, arguments.plot};
  check_distinct_outputs(outputs);
  for (const auto& path : outputs) {
    if (!path.empty()) check_output(path, arguments.overwrite);
  }
}

/// Latents of every input, encoding videos with the bundle's autoencoder, which is loaded with the
/// first of them.
class LatentReader {
 public:
  LatentReader(const AnalyzeArguments& arguments, std::filesystem::path folder,
               const freeinit::Manifest& manifest)
      : folder_(std::move(folder)),
        manifest_(manifest),
        device_(freeinit::device_from_string(arguments.device)),
        allow_operators_(arguments.allow_operators),
        height_(arguments.height.value_or(manifest.recommended.height)),
        width_(arguments.width.value_or(manifest.recommended.width)) {}

  [[nodiscard]] at::Tensor latents(const Clip& clip) {
    if (clip.latents.defined()) return clip.latents;
    if (!autoencoder_) {
      autoencoder_ = load_bundle_autoencoder(folder_, manifest_, device_, allow_operators_);
    }
    return freeinit::encode_clip(*autoencoder_, as_bytes(clip.frames), height_, width_);
  }

 private:
  std::filesystem::path folder_;
  const freeinit::Manifest& manifest_;
  at::Device device_;
  std::set<std::string> allow_operators_;
  std::int64_t height_, width_;
  std::unique_ptr<const freeinit::Autoencoder> autoencoder_;
};

void warn_of_few_frames(const Clip& clip, std::optional<std::int64_t> asked, Console& console) {
  const std::int64_t frames = clip.frames.defined() ? clip.frames.size(0) : clip.latents.size(2);
  if (frames >= asked.value_or(frames)) return;
  console.warning(freeinit::concat("'", clip.name, "': has ", frames, " frames of the selection; ",
                                   *asked, " were asked for"));
}

std::vector<NamedAnalysis> analyze_files(const AnalyzeArguments& arguments, Console& console) {
  const auto folder = bundle_or_default(arguments.bundle);
  const auto manifest = freeinit::read_manifest(folder);
  const freeinit::NoiseSchedule schedule(manifest.scheduler);
  ClipReading reading{arguments.selection,
                      {manifest.vae.latent_channels, manifest.vae.scaling_factor},
                      manifest.recommended.fps};
  reading.selection.max_frames = arguments.num_frames.value_or(manifest.recommended.num_frames);
  LatentReader reader(arguments, folder, manifest);
  std::vector<NamedAnalysis> analyses;
  for (const std::string& file : arguments.files) {
    for (const Clip& clip : load_clips(file, reading, console)) {
      warn_of_few_frames(clip, arguments.num_frames, console);
      console.progress("analyze " + clip.name, {});
      analyses.push_back({clip.name, freeinit::analyze_forward_process(
                                         reader.latents(clip), schedule, arguments.options)});
    }
  }
  if (analyses.size() > 1) {
    std::vector<freeinit::ForwardAnalysis> all;
    for (const auto& named : analyses) all.push_back(named.analysis);
    analyses.push_back({"mean", freeinit::mean_analysis(all)});
  }
  return analyses;
}

void report(const AnalyzeArguments& arguments, const std::string& csv,
            const std::vector<Chart>& charts, Console& console) {
  if (!arguments.csv.empty()) freeinit::write_text_file(arguments.csv, csv);
  if (!arguments.plot.empty()) write_svg(arguments.plot, charts);
  for (const std::string& file : {arguments.csv, arguments.plot}) {
    if (!file.empty()) say_written(file, console);
  }
}

void run_passes_analysis(const AnalyzeArguments& arguments, Console& console) {
  const auto analysis =
      analyze_passes(arguments.passes, arguments.options.band_edges, arguments.options.low_stop);
  report(arguments, passes_csv(analysis), passes_charts(analysis), console);
  if (!arguments.json) return print_passes(analysis, console);
  console.result(json_text(passes_json(analysis)));
}

void run_analyze(const AnalyzeArguments& arguments, Console& console) {
  check_analysis(arguments);
  if (!arguments.passes.empty()) return run_passes_analysis(arguments, console);
  const auto analyses = analyze_files(arguments, console);
  console.end_progress();
  report(arguments, forward_csv(analyses), forward_charts(analyses.back().analysis), console);
  if (!arguments.json) return print_forward(analyses.back(), console);
  nlohmann::ordered_json json{{"bands", bands_json(analyses.back().analysis.bands)},
                              {"num_draws", arguments.options.num_draws},
                              {"seed", arguments.options.seed},
                              {"low_stop", arguments.options.low_stop},
                              {"clips", nlohmann::ordered_json::array()}};
  for (const auto& named : analyses) json["clips"].push_back(forward_json(named));
  console.result(json_text(json));
}

}  // namespace

void add_analyze(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("analyze", "Signal-to-noise by frequency of real videos");
  auto arguments = std::make_shared<AnalyzeArguments>();
  auto& a = *arguments;
  command->add_option(
      "FILE", a.files,
      "Videos, folders of numbered pictures, or latents [B,C,F,h,w] (.safetensors, .npy)");
  command->add_option("--passes", a.passes, "Folder of generate --save-passes")->type_name("DIR");
  command->add_option("--bundle", a.bundle, kBundleHelp)->type_name("DIR");
  add_number(*command, "--num-frames", a.num_frames, "Frames of a clip [the bundle's]", 1,
             kMostFrames);
  add_number(*command, "--height", a.height, "Height in pixels [the bundle's]", 1, 16384);
  add_number(*command, "--width", a.width, "Width in pixels [the bundle's]", 1, 16384);
  add_frame_options({*command, "Frames of the video"}, "", a.selection);
  constexpr std::int64_t kMostTimesteps = 1'000'000;
  add_number(*command, "--timesteps", a.options.timesteps, "Timesteps to look at [nine of all]", 0,
             kMostTimesteps);
  add_number(*command, "--bands", a.options.band_edges, "Band edges above 0; 1 is Nyquist", 0, 10)
      ->capture_default_str();
  add_number(*command, "--low-stop", a.options.low_stop, "Where low spatial frequencies end", 0, 10)
      ->capture_default_str();
  add_number(*command, "--num-draws", a.options.num_draws, "Noises per timestep", 1, 10000)
      ->capture_default_str();
  add_number(*command, "--seed", a.options.seed, "Seed of the noises", 0, UINT64_MAX)
      ->capture_default_str();
  command->add_option("--csv", a.csv, "Write the figures as CSV")->type_name("FILE");
  command->add_option("--plot", a.plot, "Write the plots (.svg)")->type_name("FILE");
  command->add_option("--device", a.device, "cpu, cuda or cuda:N")->capture_default_str();
  add_allow_operators(*command, a.allow_operators);
  add_overwrite_option(*command, a.overwrite);
  command->add_flag("--json", a.json, "Print the result as one JSON object");
  command->footer(kAnalyzeFooter);
  command->callback(
      [=, &selected] { selected = [=](Console& console) { run_analyze(*arguments, console); }; });
}

}  // namespace freeinit_cli
