#include "generate/output_plan.hpp"

#include "shared/comfy_latents.hpp"
#include "shared/output_files.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/io/video_file.hpp>

#include <regex>
#include <system_error>
#include <vector>

namespace freeinit_cli {
namespace {

constexpr int kMostNumbers = 100'000;  ///< that a name which is taken gets

std::filesystem::path pass_base(const OutputPlan& plan, int pass, int index,
                                const std::string& stem = "pass_") {
  auto name = stem + std::to_string(pass + 1);
  if (plan.num_videos > 1) name += "_" + std::to_string(index);
  return plan.passes_folder / name;
}

/// Names that the files of a pass have: pass_1.mp4, noise_1_0.safetensors, a folder pass_1.
bool is_pass_name(const std::string& name) {
  static const std::regex form(R"((pass_\d+(_\d+)?(\.\w+)?)|(noise_\d+(_\d+)?\.safetensors))");
  return std::regex_match(name, form);
}

[[noreturn]] void refuse_output(const std::filesystem::path& path, const std::string& reason) {
  freeinit::raise(freeinit::ErrorCode::invalid_argument, "'" + path.string() + "': " + reason);
}

bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const auto from_there = path.lexically_relative(folder);
  return !from_there.empty() && from_there != "." && *from_there.begin() != "..";
}

/// One output would overwrite the other: two of one name, one with the name of a pass, one in a
/// folder of frames, which is replaced as a whole.
void check_distinct(const OutputPlan& plan) {
  std::vector<std::filesystem::path> named{plan.passes_folder, plan.checkpoint_folder, plan.latents,
                                           plan.trace};
  const bool pictures = freeinit::is_picture_pattern(plan.frames);
  named.push_back(pictures ? plan.frames.parent_path() : plan.frames);
  for (int index = 0; index < plan.num_videos; ++index) {
    named.insert(named.end(),
                 {plan.video_path(index), plan.preview_path(index), plan.compare_path(index)});
  }
  const auto places = check_distinct_outputs(named);
  const auto passes =
      plan.passes_folder.empty() ? plan.passes_folder : output_place(plan.passes_folder);
  for (const auto& place : places) {
    if (place.parent_path() != passes || !is_pass_name(place.filename().string())) continue;
    refuse_output(place, "has the name of a pass, another of two outputs");
  }
  if (freeinit::video_format_of(plan.video) != freeinit::VideoFormat::png_sequence) return;
  for (int index = 0; index < plan.num_videos; ++index) {
    for (const auto& place : places) {
      if (lies_in(place, output_place(plan.video_path(index)))) {
        refuse_output(place, "lies in the folder of frames of another of two outputs");
      }
    }
  }
}

}  // namespace

OutputPlan OutputPlan::with_free_name() const {
  OutputPlan plan = *this;
  const auto is_free = [&plan] {
    std::error_code ignored;
    for (int index = 0; index < plan.num_videos; ++index) {
      const bool taken = std::filesystem::exists(plan.video_path(index), ignored);
      if (taken && !plan.is_written(index)) return false;
    }
    return true;
  };
  for (int number = 2; !is_free() && number < kMostNumbers; ++number) {
    plan.video = with_number(video, number);
  }
  return plan;
}

void OutputPlan::check() const {
  static_cast<void>(freeinit::video_format_of(video));
  if (!latents.empty()) check_tensor_output(latents, overwrite, {comfy::kExtension});
  if (latents.extension() == comfy::kExtension && num_videos > 1) {
    refuse_output(latents, "holds the latents of one video; expected .safetensors or .npy for " +
                               std::to_string(num_videos));
  }
  if (freeinit::is_picture_pattern(frames)) {
    freeinit::check_picture_pattern(frames);
    for (int index = 0; index < num_videos; ++index) {
      check_output(pictures_path(index).parent_path() / "", overwrite);
    }
  } else if (!frames.empty()) {
    check_tensor_output(frames, overwrite, {"DIR/frame_%05d.png", "DIR/frame_%05d.exr"});
  }
  if (!trace.empty()) check_output(trace, overwrite);
  if (!preview.empty() && preview.extension() != ".png") {
    refuse_output(preview, "no name of a preview; expected .png");
  }
  if (!compare.empty() && compare.extension() != ".png" && !names_video_file(compare)) {
    refuse_output(compare, std::string("no name of a comparison; expected .png, ") + kVideoFiles);
  }
  check_distinct(*this);
  for (int index = 0; index < num_videos; ++index) {
    if (!is_written(index)) check_output(video_path(index), overwrite);
    // A preview beside the video is a part of it.
    if (has_preview()) check_output(preview_path(index), overwrite || preview.empty());
    if (!compare.empty()) check_output(compare_path(index), overwrite);
  }
  if (!passes_folder.empty()) check_passes_folder();
}

void OutputPlan::check_passes_folder() const {
  if (!std::filesystem::exists(passes_folder)) {
    check_output(passes_folder, overwrite);
    return;
  }
  check_output(pass_latents_path(0, 0), overwrite);
  if (overwrite) return;
  for (const auto& entry : std::filesystem::directory_iterator(passes_folder)) {
    if (is_pass_name(entry.path().filename().string())) check_output(entry.path(), overwrite);
  }
}

void OutputPlan::make_passes_folder(bool empty) const {
  std::error_code error;
  std::filesystem::create_directory(passes_folder, error);
  if (!std::filesystem::is_directory(passes_folder)) {
    freeinit::raise(freeinit::ErrorCode::io, "folder '" + passes_folder.string() +
                                                 "': cannot be made (" + error.message() + ")");
  }
  if (!empty) return;
  for (const auto& entry : std::filesystem::directory_iterator(passes_folder)) {
    if (!is_pass_name(entry.path().filename().string())) continue;
    std::filesystem::remove_all(entry.path(), error);
    if (!error) continue;
    freeinit::raise(freeinit::ErrorCode::io, "'" + entry.path().string() +
                                                 "': a pass of an earlier run that cannot be "
                                                 "removed (" +
                                                 error.message() + ")");
  }
}

std::filesystem::path OutputPlan::numbered(const std::filesystem::path& path, int index) const {
  return num_videos == 1 || path.empty() ? path : with_number(path, index);
}

std::filesystem::path OutputPlan::video_path(int index) const {
  return numbered(video, index);
}

std::filesystem::path OutputPlan::preview_path(int index) const {
  if (!has_preview() || !preview.empty()) return numbered(preview, index);
  return beside_video(index, ".preview.png");
}

std::filesystem::path OutputPlan::beside_video(int index, const char* extension) const {
  auto path = video_path(index);
  if (!path.has_filename()) path = path.parent_path();  // a folder of frames
  return path.replace_extension(extension);
}

std::filesystem::path OutputPlan::free_latents_path(int index) const {
  const auto first = beside_video(index, ".latents.safetensors");
  auto path = first;
  std::error_code ignored;
  for (int number = 2; std::filesystem::exists(path, ignored) && number < kMostNumbers; ++number) {
    path = with_number(first, number);
  }
  return path;
}

std::filesystem::path OutputPlan::compare_path(int index) const {
  return numbered(compare, index);
}

std::filesystem::path OutputPlan::pictures_path(int index) const {
  const auto folder = frames.parent_path() / "";
  return numbered(folder, index) / frames.filename();
}

std::filesystem::path OutputPlan::pass_video_path(int pass, int index) const {
  auto path = pass_base(*this, pass, index);
  if (freeinit::video_format_of(video) == freeinit::VideoFormat::png_sequence) return path / "";
  return path += video.extension();
}

std::filesystem::path OutputPlan::pass_latents_path(int pass, int index) const {
  return pass_base(*this, pass, index) += ".safetensors";
}

std::filesystem::path OutputPlan::pass_noise_path(int pass, int index) const {
  return pass_base(*this, pass, index, "noise_") += ".safetensors";
}

}  // namespace freeinit_cli
