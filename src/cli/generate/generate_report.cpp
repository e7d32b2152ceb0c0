#include "generate/generate_report.hpp"

#include "shared/default_bundle.hpp"
#include "shared/json_text.hpp"
#include "shared/text_output.hpp"

#include <freeinit/networks/dtype.hpp>

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

/// null for a run that starts from Gaussian noise.
nlohmann::ordered_json video_init_json(const VideoInitArguments& arguments,
                                       const freeinit::RealVideoOptions& init) {
  if (!arguments.given()) return nullptr;
  return {{"file", arguments.video.empty() ? arguments.latents : arguments.video},
          {"source", std::string(to_string(init.source))},
          {"band", init.low_band ? "low" : "full"},
          {"start", arguments.selection.first},
          {"stride", arguments.selection.stride}};
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
  const bool own_mask = !arguments.filter.mask_file.empty();
  const auto calls = totals(result);
  nlohmann::ordered_json json{
      {"output", outputs.front()},
      {"outputs", outputs},
      {"prompt", request.prompt},
      {"negative_prompt", request.negative_prompt},
      {"seed", request.seed},
      {"num_videos", request.num_videos},
      {"num_frames", request.num_frames},
      {"height", request.height},
      {"width", request.width},
      {"fps", request.fps},
      {"num_inference_steps", request.num_inference_steps},
      {"guidance_scale", request.guidance_scale},
      {"guidance_interval", {request.guidance_interval.from, request.guidance_interval.to}},
      {"cache_interval", request.cache_interval},
      {"eta", request.eta},
      {"num_iters", request.free_init.num_iters},
      {"completed_passes", result.videos.back().completed_passes},
      {"cancelled", result.cancelled},
      {"fast_sampling", request.free_init.fast_sampling},
      {"filter",
       own_mask ? nlohmann::ordered_json() : filter_json(request.free_init.filters.front())},
      {"profile", std::string(to_string(request.free_init.profile))},
      {"methods", methods_json(request.free_init)},
      {"video_init", video_init_json(arguments.video_init, request.real_video)},
      {"unet_calls", result.unet_calls()},
      {"unet_calls_saved", calls.saved},
      {"calls_per_pass", calls.per_pass},
      {"seconds", seconds_json(seconds)},
      {"bundle", bundle_or_default(arguments.bundle).string()},
      {"model", bundle.manifest().name},
      {"device", bundle.device().str()},
      {"dtype", freeinit::dtype_to_string(bundle.dtype())},
      {"backend", bundle.backend().name},
      {"threads", at::get_num_threads()},
      {"version", FREEINIT_VERSION}};
  if (own_mask) json["methods"]["filter_mask"] = arguments.filter.mask_file;
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
