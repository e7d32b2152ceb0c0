#include "analyze/forward_report.hpp"
#include "shared/clip_input.hpp"
#include "shared/command.hpp"
#include "shared/json_text.hpp"
#include "shared/operator_options.hpp"
#include "shared/option_group.hpp"
#include "shared/output_files.hpp"
#include "shared/text_output.hpp"

#include <freeinit/analysis/consistency.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/networks/image_encoder.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <optional>

namespace freeinit_cli {
namespace {

struct ScoreArguments {
  std::vector<std::string> files;
  std::string features, save_features, device = "cpu";
  freeinit::FrameSelection selection{.max_frames = 128};
  std::set<std::string> allow_operators;
  bool overwrite = false;
  bool json = false;
};

constexpr const char* kScoreFooter = R"(
temporal is the FreeInit paper's temporal consistency (mean cosine of the first frame to each later
one), subject VBench's subject_consistency, adjacent the mean cosine of neighbouring frames; of the
features of --features, and of the pixels (or latents) themselves. flickering is VBench's
temporal_flickering (1: a still picture), motion the mean squared change between neighbouring frames,
deviation the root mean square of each pixel's deviation over time.

Examples:
  freeinit score clip1.mp4 clip2.mp4
  freeinit score clip.mp4 --features dino.pt --json      (dino.pt: from freeinit-export features))";

/// The scores of one clip in one space: "pixels", "latents" or "features".
struct ScoreRow {
  std::string clip, space;
  std::int64_t num_frames = 0;
  freeinit::ConsistencyScores consistency;
  std::optional<freeinit::ChangeScores> change;  ///< not of features
  bool is_pixels() const { return space == "pixels"; }
};

void check_scored(const Clip& clip) {
  const at::Tensor& video = clip.frames.defined() ? clip.frames : clip.latents;
  if (video.size(clip.frames.defined() ? 0 : 2) >= 2) return;
  freeinit::raise(freeinit::ErrorCode::invalid_argument,
                  "'" + clip.name + "': holds one frame; scores over time need at least two");
}

/// Rows of clips, and the features that belong to them.
class Scorer {
 public:
  Scorer(const ScoreArguments& arguments, Console& console) : console_(console) {
    if (arguments.features.empty()) return;
    freeinit::RunControl control;
    control.log = [&console](freeinit::LogLevel, std::string_view text) { console.warning(text); };
    encoder_ = freeinit::load_torchscript_image_encoder(
        arguments.features, freeinit::device_from_string(arguments.device), control,
        arguments.allow_operators);
  }

  void score(const Clip& clip) {
    check_scored(clip);
    console_.progress("score " + clip.name, {});
    if (clip.latents.defined()) {
      add(clip, "latents", clip.latents.squeeze(0).transpose(0, 1));  // [F,C,h,w]
      if (encoder_) {
        console_.warning("'" + clip.name + "': latents, no pictures: --features passes them over");
      }
      return;
    }
    add(clip, "pixels", clip.frames);
    if (!encoder_) return;
    const at::Tensor features = freeinit::image_features(*encoder_, as_bytes(clip.frames));
    rows.push_back({clip.name, "features", features.size(0), freeinit::consistency_scores(features),
                    std::nullopt});
    feature_tensors[clip.name] = features;
  }

  std::vector<ScoreRow> rows;
  std::map<std::string, at::Tensor> feature_tensors;

 private:
  void add(const Clip& clip, const std::string& space, const at::Tensor& video) {
    rows.push_back({clip.name, space, video.size(0), freeinit::consistency_scores(video),
                    freeinit::change_scores(video)});
  }

  Console& console_;
  std::unique_ptr<const freeinit::ImageEncoder> encoder_;
};

/// The mean over clips of every space, for several clips.
std::vector<ScoreRow> mean_rows(const std::vector<ScoreRow>& rows) {
  std::vector<ScoreRow> means;
  for (const std::string space : {"pixels", "latents", "features"}) {
    ScoreRow sum{.clip = "mean", .space = space, .consistency = {}, .change = {}};
    double count = 0;
    freeinit::ChangeScores change;
    for (const ScoreRow& row : rows) {
      if (row.space != space) continue;
      ++count;
      sum.num_frames += row.num_frames;
      sum.consistency.temporal_consistency += row.consistency.temporal_consistency;
      sum.consistency.subject_consistency += row.consistency.subject_consistency;
      sum.consistency.adjacent_consistency += row.consistency.adjacent_consistency;
      if (!row.change) continue;
      change.mean_absolute_change += row.change->mean_absolute_change;
      change.motion_energy += row.change->motion_energy;
      change.temporal_deviation += row.change->temporal_deviation;
    }
    if (count < 2) continue;
    sum.num_frames /= static_cast<std::int64_t>(count);
    for (double* value :
         {&sum.consistency.temporal_consistency, &sum.consistency.subject_consistency,
          &sum.consistency.adjacent_consistency, &change.mean_absolute_change,
          &change.motion_energy, &change.temporal_deviation}) {
      *value /= count;
    }
    if (space != std::string("features")) sum.change = change;
    means.push_back(sum);
  }
  return means;
}

void print_scores(const std::vector<ScoreRow>& rows, Console& console) {
  std::vector<std::vector<std::string>> table{{"clip", "space", "frames", "temporal", "subject",
                                               "adjacent", "flickering", "motion", "deviation"}};
  for (const ScoreRow& row : rows) {
    const auto& consistency = row.consistency;
    table.push_back({row.clip, row.space, std::to_string(row.num_frames),
                     fixed_number(consistency.temporal_consistency, 4),
                     fixed_number(consistency.subject_consistency, 4),
                     fixed_number(consistency.adjacent_consistency, 4),
                     row.is_pixels() ? fixed_number(temporal_flickering(*row.change), 4) : "-",
                     row.change ? format_number(row.change->motion_energy, 3) : "-",
                     row.change ? format_number(row.change->temporal_deviation, 3) : "-"});
  }
  print_columns(table, console);
}

nlohmann::ordered_json row_json(const ScoreRow& row) {
  nlohmann::ordered_json json{{"clip", row.clip},
                              {"space", row.space},
                              {"num_frames", row.num_frames},
                              {"temporal_consistency", row.consistency.temporal_consistency},
                              {"subject_consistency", row.consistency.subject_consistency},
                              {"adjacent_consistency", row.consistency.adjacent_consistency}};
  if (row.is_pixels()) json["temporal_flickering"] = temporal_flickering(*row.change);
  if (row.change) {
    json["mean_absolute_change"] = row.change->mean_absolute_change;
    json["motion_energy"] = row.change->motion_energy;
    json["temporal_deviation"] = row.change->temporal_deviation;
  }
  return json;
}

/// Tensors are named by their clips, in UTF-8.
void check_tensor_name(const std::string& file) {
  if (freeinit::excerpt(file, std::string::npos) == file) return;
  freeinit::raise(
      freeinit::ErrorCode::invalid_argument,
      freeinit::quote(file) + ": no valid UTF-8; expected another name for --save-features");
}

void run_score(const ScoreArguments& arguments, Console& console) {
  if (!arguments.save_features.empty()) {
    if (arguments.features.empty()) {
      freeinit::raise(freeinit::ErrorCode::invalid_argument,
                      "--save-features: needs --features FILE");
    }
    check_tensor_output(arguments.save_features, arguments.overwrite);
    for (const std::string& file : arguments.files) check_tensor_name(file);
  }
  Scorer scorer(arguments, console);
  for (const std::string& file : arguments.files) {
    for (const Clip& clip : load_clips(file, {.selection = arguments.selection}, console))
      scorer.score(clip);
  }
  console.end_progress();
  if (!arguments.save_features.empty()) {
    freeinit::save_tensors(arguments.save_features, scorer.feature_tensors);
    say_written(arguments.save_features, console);
  }
  const auto means = mean_rows(scorer.rows);
  if (!arguments.json) {
    auto rows = scorer.rows;
    rows.insert(rows.end(), means.begin(), means.end());
    return print_scores(rows, console);
  }
  auto json = nlohmann::ordered_json{{"scores", nlohmann::ordered_json::array()},
                                     {"mean", nlohmann::ordered_json::array()}};
  for (const ScoreRow& row : scorer.rows) json["scores"].push_back(row_json(row));
  for (const ScoreRow& row : means) json["mean"].push_back(row_json(row));
  console.result(json_text(json));
}

}  // namespace

void add_score(CLI::App& app, Action& selected) {
  auto* command = app.add_subcommand("score", "Consistency, flicker and motion of videos");
  auto arguments = std::make_shared<ScoreArguments>();
  auto& a = *arguments;
  command
      ->add_option("FILE", a.files,
                   "Videos, folders of numbered pictures; latents [B,C,F,h,w] or frames "
                   "[F,H,W,3] as .safetensors")
      ->required();
  command
      ->add_option("--features", a.features,
                   "TorchScript image encoder whose features are compared (DINO ViT-S/16, ...)")
      ->type_name("FILE");
  command->add_option("--save-features", a.save_features, "Write the features (.safetensors)")
      ->type_name("FILE");
  add_number(*command, "--max-frames", a.selection.max_frames, "At most this many frames a clip", 1,
             kMostFrames)
      ->capture_default_str();
  add_frame_options({*command, "Frames of the video"}, "", a.selection);
  command->add_option("--device", a.device, "cpu, cuda or cuda:N")->capture_default_str();
  add_allow_operators(*command, a.allow_operators);
  add_overwrite_option(*command, a.overwrite);
  command->add_flag("--json", a.json, "Print the result as one JSON object");
  command->footer(kScoreFooter);
  command->callback(
      [=, &selected] { selected = [=](Console& console) { run_score(*arguments, console); }; });
}

}  // namespace freeinit_cli
