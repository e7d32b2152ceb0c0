#include "shared/output_files.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/output_file.hpp>
#include <freeinit/io/video_file.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string>
#include <system_error>

namespace freeinit_cli {

bool names_video_file(const std::filesystem::path& path) {
  try {
    return freeinit::video_format_of(path) != freeinit::VideoFormat::png_sequence;
  } catch (const freeinit::Error&) {
    return false;
  }
}

CLI::Option* add_overwrite_option(CLI::App& command, bool& overwrite) {
  return command.add_flag("--overwrite", overwrite, "Replace files that are there")
      ->configurable(false);
}

void check_output(const std::filesystem::path& path, bool overwrite) {
  if (path == "-") {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "output '-': is no file; expected a name");
  }
  const freeinit::OutputFile probe(path);
  if (overwrite || !probe.replaces()) return;
  freeinit::raise(freeinit::ErrorCode::invalid_argument,
                  "output '" + path.string() + "': is there already; --overwrite replaces it");
}

void check_tensor_output(const std::filesystem::path& path, bool overwrite,
                         const std::vector<std::string>& others) {
  std::vector<std::string> forms{".safetensors", ".npy"};
  forms.insert(forms.end(), others.begin(), others.end());
  const std::string extension = path.extension().string();
  if (std::find(forms.begin(), forms.end(), extension) == forms.end()) {
    std::string known = forms.front();
    for (auto form = forms.begin() + 1; form != forms.end(); ++form) {
      known += (form + 1 == forms.end() ? " or " : ", ") + *form;
    }
    freeinit::raise(freeinit::ErrorCode::invalid_argument, "tensor file '" + path.string() +
                                                               "': unknown extension '" +
                                                               extension + "'; expected " + known);
  }
  check_output(path, overwrite);
}

std::filesystem::path output_place(const std::filesystem::path& path) {
  const auto given = std::filesystem::absolute(path);
  std::error_code no_file;  // a link to a pipe leads to no path
  auto place = std::filesystem::weakly_canonical(given, no_file);
  if (no_file) place = given.lexically_normal();
  return place.has_filename() ? place : place.parent_path();
}

std::set<std::filesystem::path> check_distinct_outputs(
    std::span<const std::filesystem::path> outputs) {
  std::set<std::filesystem::path> places;
  for (const auto& path : outputs) {
    if (path.empty() || places.insert(output_place(path)).second) continue;
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "'" + path.string() + "': named for two outputs");
  }
  return places;
}

void say_written(const std::filesystem::path& path, Console& console) {
  console.info("wrote " + freeinit::excerpt(path.string(), std::string::npos));
}

void say_kept(const std::filesystem::path& path, Console& console) {
  console.info("kept " + freeinit::excerpt(path.string(), std::string::npos));
}

std::filesystem::path with_number(const std::filesystem::path& path, int number) {
  const bool folder = !path.has_filename();
  const auto base = folder ? path.parent_path() : path;
  const auto name = base.stem().string() + "_" + std::to_string(number) + base.extension().string();
  const auto result = base.parent_path() / name;
  return folder ? result / "" : result;
}

}  // namespace freeinit_cli
