#pragma once

#include <filesystem>
#include <string>

namespace freeinit_cli {

/// The bundle to use: `given` (the option) if not empty, else the environment's FREEINIT_BUNDLE,
/// else the demo bundle that stands at ../share/freeinit/shapes of the executable's folder, in an
/// installed tree and in a build tree alike. Throws freeinit::Error: not_found.
[[nodiscard]] std::filesystem::path bundle_or_default(const std::string& given);

/// Help text of `--bundle`.
inline constexpr const char* kBundleHelp =
    "Bundle folder [environment FREEINIT_BUNDLE, else the demo bundle that comes with the command]";

}  // namespace freeinit_cli
