#pragma once

#include "generate_options.hpp"

#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <map>
#include <string>

namespace freeinit_cli {

/// The wall time of every phase; phases that did not happen count 0.
using PhaseSeconds = std::map<freeinit::Phase, double>;

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
