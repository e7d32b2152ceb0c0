#include "shared/default_bundle.hpp"

#include <freeinit/core/error.hpp>

#include <cstdlib>
#include <system_error>

namespace freeinit_cli {

std::filesystem::path bundle_or_default(const std::string& given) {
  const char* named = std::getenv("FREEINIT_BUNDLE");
  const std::filesystem::path chosen = given.empty() && named != nullptr ? named : given;
  if (!chosen.empty()) return chosen;
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
