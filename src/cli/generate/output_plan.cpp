#include "generate/output_plan.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/io/output_file.hpp>
#include <freeinit/io/video_file.hpp>

#include <regex>
#include <set>
#include <system_error>

namespace freeinit_cli {
namespace {

/// `out/clip.mp4` -> `out/clip_1.mp4`, `out/clip/` -> `out/clip_1/`.
std::filesystem::path with_index(const std::filesystem::path& path, int index) {
  const bool folder = !path.has_filename();
  const auto base = folder ? path.parent_path() : path;
  const auto name = base.stem().string() + "_" + std::to_string(index) + base.extension().string();
  const auto result = base.parent_path() / name;
  return folder ? result / "" : result;
}

std::filesystem::path pass_base(const OutputPlan& plan, int pass, int index,
                                const std::string& stem = "pass_") {
  auto name = stem + std::to_string(pass + 1);
  if (plan.num_videos > 1) name += "_" + std::to_string(index);
  return plan.passes_folder / name;
}

std::filesystem::path resolved(const std::filesystem::path& path) {
  return std::filesystem::weakly_canonical(std::filesystem::absolute(path));
}

/// Names that the files of a pass have: pass_1.mp4, noise_1_0.safetensors, a folder pass_1.
bool is_pass_name(const std::string& name) {
  static const std::regex form(R"((pass_\d+(_\d+)?(\.\w+)?)|(noise_\d+(_\d+)?\.safetensors))");
  return std::regex_match(name, form);
}

/// One output would overwrite the other.
void check_distinct(const OutputPlan& plan) {
  std::vector<std::filesystem::path> named{plan.latents, plan.frames, plan.trace};
  for (int index = 0; index < plan.num_videos; ++index) named.push_back(plan.video_path(index));
  std::set<std::filesystem::path> seen;
  for (const auto& path : named) {
    if (path.empty()) continue;
    auto place = resolved(path);
    if (!place.has_filename()) place = place.parent_path();  // a folder of frames
    const bool among_passes =
        !plan.passes_folder.empty() &&
        place.parent_path() == resolved(plan.passes_folder / "x").parent_path() &&
        is_pass_name(place.filename().string());
    if (!among_passes && seen.insert(place).second) continue;
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "'" + path.string() + "': named for two outputs");
  }
}

}  // namespace

void check_writable(const std::filesystem::path& path) {
  freeinit::OutputFile probe(path);
}

void check_tensor_file(const std::filesystem::path& path) {
  if (path.extension() != ".safetensors") {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "tensor file '" + path.string() + "': unknown extension '" +
                        path.extension().string() + "'; expected .safetensors");
  }
  check_writable(path);
}

void OutputPlan::check() const {
  static_cast<void>(freeinit::video_format_of(video));
  for (const auto& path : {latents, frames}) {
    if (!path.empty()) check_tensor_file(path);
  }
  if (!trace.empty()) check_writable(trace);
  for (int index = 0; index < num_videos; ++index) check_writable(video_path(index));
  check_distinct(*this);
  if (!passes_folder.empty()) {
    const bool exists = std::filesystem::exists(passes_folder);
    check_writable(exists ? pass_latents_path(0, 0) : passes_folder);
  }
}

void OutputPlan::empty_passes_folder() const {
  std::error_code error;
  std::filesystem::create_directory(passes_folder, error);
  if (!std::filesystem::is_directory(passes_folder)) {
    freeinit::raise(freeinit::ErrorCode::io, "folder '" + passes_folder.string() +
                                                 "': cannot be made (" + error.message() + ")");
  }
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

std::filesystem::path OutputPlan::video_path(int index) const {
  return num_videos == 1 ? video : with_index(video, index);
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
