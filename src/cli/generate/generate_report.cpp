#include "generate/generate_report.hpp"

#include "shared/default_bundle.hpp"
#include "shared/json_text.hpp"
#include "shared/text_output.hpp"

#include <freeinit/networks/dtype.hpp>
#include <freeinit/options/request_fields.hpp>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <numeric>

namespace freeinit_cli {
namespace {

nlohmann::ordered_json seconds_json(const PhaseSeconds& seconds) {
  using freeinit::Phase;
  nlohmann::ordered_json json;
  for (const auto phase : {Phase::load, Phase::encode, Phase::invert, Phase::denoise, Phase::reinit,
                           Phase::decode, Phase::write}) {
    const auto found = seconds.find(phase);
    json[std::string(to_string(phase))] = found == seconds.end() ? 0.0 : found->second;
  }
  return json;
}

double total(const PhaseSeconds& seconds) {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0,
                         [](double sum, const auto& entry) { return sum + entry.second; });
}

struct Calls {
  std::int64_t saved = 0;
  std::vector<std::vector<std::int64_t>> per_pass;  ///< one list a video
};

Calls totals(const freeinit::GenerationResult& result) {
  Calls calls;
  for (const auto& video : result.videos) {
    calls.saved += video.unet_calls_saved;
    calls.per_pass.push_back(video.calls_per_pass);
  }
  return calls;
}

}  // namespace

std::string report_json(const GenerateArguments& arguments,
                        const freeinit::GenerationRequest& request,
                        const freeinit::TextToVideoPipeline& pipeline,
                        const freeinit::GenerationResult& result, const PhaseSeconds& seconds) {
  const auto plan = arguments.output_plan();
  auto outputs = nlohmann::ordered_json::array();
  for (const auto& video : result.videos) {
    outputs.push_back(plan.video_path(static_cast<int>(video.index)).string());
  }
  const auto& bundle = pipeline.bundle();
  const auto calls = totals(result);
  // First the request, by the names of its options, then what came of it.
  auto json = nlohmann::ordered_json::parse(freeinit::request_to_json(request));
  const auto& init = arguments.video_init;
  const auto& init_file = init.video.empty() ? init.latents : init.video;
  json["init_video"] = init.given() ? nlohmann::ordered_json(init_file) : nullptr;
  if (!arguments.filter_mask.empty()) json["filter_mask"] = arguments.filter_mask;
  json.update({{"output", outputs.front()},
               {"outputs", outputs},
               {"completed_passes", result.videos.back().completed_passes},
               {"cancelled", result.cancelled},
               {"unet_calls", result.unet_calls()},
               {"unet_calls_saved", calls.saved},
               {"calls_per_pass", calls.per_pass},
               {"seconds", seconds_json(seconds)},
               {"bundle", bundle_or_default(arguments.bundle).string()},
               {"model", bundle.manifest().name},
               {"device", bundle.device().str()},
               {"dtype", freeinit::dtype_to_string(bundle.dtype())},
               {"backend", std::string(bundle.backend().name)},
               {"threads", at::get_num_threads()},
               {"version", FREEINIT_VERSION}});
  return json_text(json);
}

std::string report_line(const GenerateArguments& arguments,
                        const freeinit::GenerationRequest& request,
                        const freeinit::GenerationResult& result, const PhaseSeconds& seconds) {
  const auto plan = arguments.output_plan();
  std::string files = plan.video_path(0).string();
  const auto last = static_cast<int>(result.videos.size()) - 1;
  if (last > 0) files += " .. " + plan.video_path(last).string();
  const std::int64_t saved_calls = totals(result).saved;
  const std::string saved =
      saved_calls > 0 ? " (" + std::to_string(saved_calls) + " saved)" : std::string();
  const std::string time = fixed_number(total(seconds), 1) + " s";
  return files + "  " + std::to_string(request.num_frames) + " frames of " +
         std::to_string(request.width) + "x" + std::to_string(request.height) + ", seed " +
         std::to_string(request.seed) + ", passes " +
         std::to_string(result.videos.back().completed_passes) + ", model calls " +
         std::to_string(result.unet_calls()) + saved + ", " + time;
}

}  // namespace freeinit_cli
