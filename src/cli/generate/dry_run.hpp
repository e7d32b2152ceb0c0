#pragma once

#include "generate/generate_options.hpp"
#include "generate/prepared_run.hpp"
#include "shared/console.hpp"

#include <freeinit/core/run_control.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <functional>

namespace freeinit_cli {

/// What `generate --dry-run` prints: network calls, memory by stage and disk, before a network is
/// read; then the time by one network call of each kind and one chunk of frames on the pipeline
/// that `load` gives. Memory that would not be there leaves the time out. Throws freeinit::Error:
/// as `load` and the pipeline, cancelled.
void dry_run(const GenerateArguments& arguments, PreparedRun& run,
             const std::function<freeinit::TextToVideoPipeline()>& load,
             const freeinit::RunControl& control, Console& console);

}  // namespace freeinit_cli
