#pragma once

#include "generate/generate_options.hpp"
#include "generate/prepared_run.hpp"
#include "shared/stopwatch.hpp"

#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace freeinit_cli {

/// Keys of `generate --json` that say what came of the settings; the others are options.
inline constexpr std::array<std::string_view, 11> kResultKeys{
    "memory",    "dry_run",    "outputs",          "completed_passes",
    "cancelled", "unet_calls", "unet_calls_saved", "calls_per_pass",
    "seconds",   "model",      "version"};

/// What a video says of itself: the prompt as title, and as comment the settings that make video
/// `index` again, in the form of `--json`, without what is of this machine (folders of files, how
/// it ran). `passes` of it are complete, which it says where more were asked for.
[[nodiscard]] std::map<std::string, std::string> video_metadata(const GenerateArguments& arguments,
                                                                freeinit::GenerationRequest request,
                                                                const std::string& model,
                                                                std::int64_t index,
                                                                std::int64_t passes);

/// The complete passes that settings in the form of `--json` tell of; nothing where they do not.
[[nodiscard]] std::optional<std::int64_t> completed_passes(const nlohmann::ordered_json& settings);

/// What `generate --json` prints.
[[nodiscard]] nlohmann::ordered_json report_json(const GenerateArguments& arguments,
                                                 const PreparedRun& run,
                                                 const freeinit::TextToVideoPipeline& pipeline,
                                                 const freeinit::GenerationResult& result,
                                                 const PhaseSeconds& seconds);

/// What `generate` prints otherwise: one line, the file first.
[[nodiscard]] std::string report_line(const OutputPlan& plan,
                                      const freeinit::GenerationRequest& request,
                                      const freeinit::GenerationResult& result,
                                      const PhaseSeconds& seconds);

}  // namespace freeinit_cli
