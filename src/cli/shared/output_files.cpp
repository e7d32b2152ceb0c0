#include "shared/output_files.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/io/output_file.hpp>

#include <CLI/CLI.hpp>

#include <string>

namespace freeinit_cli {

void add_overwrite_option(CLI::App& command, bool& overwrite) {
  command.add_flag("--overwrite", overwrite, "Replace files that are there");
}

void check_output(const std::filesystem::path& path, bool overwrite) {
  const freeinit::OutputFile probe(path);
  if (overwrite || !probe.replaces()) return;
  freeinit::raise(freeinit::ErrorCode::invalid_argument,
                  "output '" + path.string() + "': is there already; --overwrite replaces it");
}

void check_tensor_output(const std::filesystem::path& path, bool overwrite) {
  if (path.extension() != ".safetensors") {
    freeinit::raise(freeinit::ErrorCode::invalid_argument,
                    "tensor file '" + path.string() + "': unknown extension '" +
                        path.extension().string() + "'; expected .safetensors");
  }
  check_output(path, overwrite);
}

void say_written(const std::filesystem::path& path, Console& console) {
  console.info("wrote " + freeinit::excerpt(path.string(), std::string::npos));
}

std::filesystem::path with_number(const std::filesystem::path& path, int number) {
  const bool folder = !path.has_filename();
  const auto base = folder ? path.parent_path() : path;
  const auto name = base.stem().string() + "_" + std::to_string(number) + base.extension().string();
  const auto result = base.parent_path() / name;
  return folder ? result / "" : result;
}

}  // namespace freeinit_cli
