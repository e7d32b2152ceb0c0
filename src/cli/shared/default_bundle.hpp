#pragma once

#include <filesystem>
#include <string>

namespace freeinit_cli {

/// The bundle to use: `given` (the option) if not empty, else the environment's FREEINIT_BUNDLE,
/// else the demo bundle that comes with the command: share/freeinit/shapes of the installed tree or
/// of the build tree, found from where the program stands. Throws freeinit::Error: not_found.
[[nodiscard]] std::filesystem::path bundle_or_default(const std::string& given);

/// Help text of `--bundle`.
inline constexpr const char* kBundleHelp =
    "Bundle folder [environment FREEINIT_BUNDLE, else the demo bundle that comes with the command]";

}  // namespace freeinit_cli
