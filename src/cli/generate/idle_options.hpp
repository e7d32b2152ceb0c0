#pragma once

#include "generate/prepared_run.hpp"

namespace freeinit_cli {

/// Says which settings that were asked for change nothing beside the others of this run: given, and
/// another than the model's own. Not an error: who compares runs leaves other options as they are.
void warn_of_idle_options(const GenerateArguments& arguments, const PreparedRun& run,
                          Console& console);

}  // namespace freeinit_cli
