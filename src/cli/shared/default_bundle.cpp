#include "shared/default_bundle.hpp"

#include <freeinit/core/error.hpp>

#include <cstdlib>
#include <system_error>

namespace freeinit_cli {
namespace {

/// Says what is there in place of a bundle, where that is what people have downloaded.
void refuse_other_models(const std::filesystem::path& path) {
  std::error_code error;
  const auto refuse = [&path](const std::string& reason) {
    freeinit::raise(freeinit::ErrorCode::not_found, "bundle '" + path.string() + "': " + reason);
  };
  if (std::filesystem::is_regular_file(path, error)) {
    refuse("is a file; expected the folder that freeinit-export makes of it");
  }
  const bool is_bundle = std::filesystem::exists(path / "manifest.json", error);
  if (!is_bundle && std::filesystem::exists(path / "model_index.json", error)) {
    refuse("is a pipeline of diffusers; expected the folder that freeinit-export makes of it");
  }
}

}  // namespace

std::filesystem::path bundle_or_default(const std::string& given) {
  const char* named = std::getenv("FREEINIT_BUNDLE");
  const std::filesystem::path chosen = given.empty() && named != nullptr ? named : given;
  if (!chosen.empty()) {
    refuse_other_models(chosen);
    return chosen;
  }
  std::error_code error;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto bundle = (executable.parent_path() / FREEINIT_BUNDLE_FROM_PROGRAM).lexically_normal();
  if (!std::filesystem::exists(bundle / "manifest.json", error)) {
    freeinit::raise(freeinit::ErrorCode::not_found,
                    "demo bundle '" + bundle.string() +
                        "': not there; give --bundle DIR or set FREEINIT_BUNDLE");
  }
  return bundle;
}

}  // namespace freeinit_cli
