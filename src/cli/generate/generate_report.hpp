#pragma once

#include "generate/generate_options.hpp"
#include "shared/stopwatch.hpp"

#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <string>

namespace freeinit_cli {

/// What `generate --json` prints.
[[nodiscard]] std::string report_json(const GenerateArguments& arguments,
                                      const freeinit::GenerationRequest& request,
                                      const freeinit::TextToVideoPipeline& pipeline,
                                      const freeinit::GenerationResult& result,
                                      const PhaseSeconds& seconds);

/// What `generate` prints otherwise: one line, the file first.
[[nodiscard]] std::string report_line(const GenerateArguments& arguments,
                                      const freeinit::GenerationRequest& request,
                                      const freeinit::GenerationResult& result,
                                      const PhaseSeconds& seconds);

}  // namespace freeinit_cli
