#include "generate_report.hpp"

#include "default_bundle.hpp"
#include "json_text.hpp"

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
  for (const auto phase :
       {Phase::load, Phase::encode, Phase::denoise, Phase::reinit, Phase::decode, Phase::write}) {
    const auto found = seconds.find(phase);
    json[std::string(to_string(phase))] = found == seconds.end() ? 0.0 : found->second;
  }
  return json;
}

/// null for a run that starts from Gaussian noise.
nlohmann::ordered_json video_init_json(const VideoInitArguments& arguments,
                                       const freeinit::VideoInit& init) {
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

}  // namespace

std::string report_json(const GenerateArguments& arguments,
                        const freeinit::GenerationRequest& request,
                        const freeinit::TextToVideoPipeline& pipeline,
                        const freeinit::GenerationResult& result, const PhaseSeconds& seconds) {
  const auto plan = arguments.output_plan();
  auto outputs = nlohmann::ordered_json::array();
  for (int i = 0; i < result.latents.size(0); ++i) outputs.push_back(plan.video_path(i).string());
  const auto& bundle = pipeline.bundle();
  const bool own_mask = request.free_init.filter_mask.defined();
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
      {"completed_passes", result.completed_passes},
      {"cancelled", result.cancelled},
      {"fast_sampling", request.free_init.fast_sampling},
      {"filter", own_mask ? nlohmann::ordered_json() : filter_json(request.free_init.filter)},
      {"profile", std::string(to_string(request.free_init.profile))},
      {"methods", methods_json(request.free_init)},
      {"video_init", video_init_json(arguments.video_init, request.video_init)},
      {"unet_calls", result.unet_calls},
      {"unet_calls_saved", result.unet_calls_saved},
      {"calls_per_pass", result.calls_per_pass},
      {"converged", result.converged},
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
  const auto last = static_cast<int>(result.latents.size(0)) - 1;
  if (last > 0) files += " .. " + plan.video_path(last).string();
  const std::string saved = result.unet_calls_saved > 0
                                ? " (" + std::to_string(result.unet_calls_saved) + " saved)"
                                : std::string();
  char time[32];
  std::snprintf(time, sizeof time, "%.1f s", total(seconds));
  return files + "  " + std::to_string(request.num_frames) + " frames of " +
         std::to_string(request.width) + "x" + std::to_string(request.height) + ", seed " +
         std::to_string(request.seed) + ", passes " + std::to_string(result.completed_passes) +
         ", model calls " + std::to_string(result.unet_calls) + saved + ", " + time;
}

}  // namespace freeinit_cli
