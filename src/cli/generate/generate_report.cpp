#include "generate/generate_report.hpp"

#include "shared/default_bundle.hpp"
#include "shared/text_output.hpp"

#include <freeinit/core/process_memory.hpp>
#include <freeinit/networks/dtype.hpp>
#include <freeinit/options/request_fields.hpp>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include <filesystem>
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

/// The settings that count, by the names of their options: `--config` takes them back. Those that
/// another one makes meaningless would be refused.
nlohmann::ordered_json settings_json(const GenerateArguments& arguments,
                                     const freeinit::GenerationRequest& request) {
  auto json = nlohmann::ordered_json::parse(freeinit::request_to_json(request));
  if (request.free_init.mix.method != freeinit::MixMethod::freqprior) json.erase("mix_ratio");
  if (!arguments.filter_mask.empty()) {
    for (const std::string_view field : kFilterFields) json.erase(std::string(field));
  }
  if (!request.vae_tiling.enabled) {
    for (const char* key : {"vae_tiling", "vae_tile_size", "vae_tile_overlap"}) json.erase(key);
  }
  const auto& init = arguments.video_init;
  if (!init.given()) {
    json.erase("init_source");
    json.erase("init_band");
  }
  const auto add = [&json](const char* key, const std::string& file) {
    if (!file.empty()) json[key] = file;
  };
  add("filter_mask", arguments.filter_mask);
  add("init_noise", arguments.init_noise);
  add("init_video", init.video);
  add("init_latents", init.latents);
  if (!init.video.empty()) {
    json["init_start"] = init.selection.first;
    json["init_stride"] = init.selection.stride;
    if (init.selection.fps > 0) json["init_fps"] = init.selection.fps;
    if (init.selection.stream >= 0) json["init_stream"] = init.selection.stream;
  }
  return json;
}

/// The peak of the process as it was estimated and as it was, in bytes.
nlohmann::ordered_json memory_json(const PreparedRun& run) {
  nlohmann::ordered_json json{{"estimated_peak", nullptr},
                              {"peak", freeinit::process_memory().peak},
                              {"available", nullptr}};
  if (run.room) json["available"] = *run.room;
  if (run.memory) json["estimated_peak"] = run.memory->peak();
  return json;
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

/// Of a folder, too, however it is spelt.
std::string name_without_folder(const std::filesystem::path& path) {
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

}  // namespace

std::map<std::string, std::string> video_metadata(const GenerateArguments& arguments,
                                                  freeinit::GenerationRequest request,
                                                  const std::string& model, std::int64_t index,
                                                  std::int64_t passes) {
  request.seed += static_cast<std::uint64_t>(index);
  request.num_videos = 1;
  auto json = settings_json(arguments, request);
  json.erase("decode_chunk_size");
  for (const char* key : {"filter_mask", "init_noise", "init_video", "init_latents"}) {
    if (!json.contains(key)) continue;
    json[key] = name_without_folder(json[key].get<std::string>());
  }
  if (passes < request.free_init.num_iters) json["completed_passes"] = passes;
  json["model"] = model;
  json["version"] = FREEINIT_VERSION;
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  return {{"title", request.prompt}, {"comment", json.dump(-1, ' ', false, kReplace)}};
}

std::optional<std::int64_t> completed_passes(const nlohmann::ordered_json& settings) {
  const auto found = settings.find("completed_passes");
  const bool is_count = found != settings.end() && found->is_number_unsigned();
  return is_count && *found > 0 ? std::optional(found->get<std::int64_t>()) : std::nullopt;
}

nlohmann::ordered_json report_json(const GenerateArguments& arguments, const PreparedRun& run,
                                   const freeinit::TextToVideoPipeline& pipeline,
                                   const freeinit::GenerationResult& result,
                                   const PhaseSeconds& seconds) {
  const OutputPlan& plan = run.plan;
  auto outputs = nlohmann::ordered_json::array();
  for (const auto& video : result.videos) {
    outputs.push_back(plan.video_path(static_cast<int>(video.index)).string());
  }
  const auto& bundle = pipeline.bundle();
  const auto calls = totals(result);
  // First the request, by the names of its options, then what came of it.
  auto json = settings_json(arguments, run.request);
  json.update({{"output", plan.video.string()},
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
               {"low_memory", run.bundle_options.low_memory},
               {"memory", memory_json(run)},
               {"version", FREEINIT_VERSION}});
  return json;
}

std::string report_line(const OutputPlan& plan, const freeinit::GenerationRequest& request,
                        const freeinit::GenerationResult& result, const PhaseSeconds& seconds) {
  std::string files = plan.video_path(0).string();
  const auto last = static_cast<int>(result.videos.size()) - 1;
  if (last > 0) files += " .. " + plan.video_path(last).string();
  const std::int64_t saved_calls = totals(result).saved;
  const std::string saved =
      saved_calls > 0 ? " (" + std::to_string(saved_calls) + " saved)" : std::string();
  const std::string time = fixed_number(total(seconds), 1) + " s";
  return files + "  " + std::to_string(request.num_frames) +
         (request.num_frames == 1 ? " frame of " : " frames of ") + std::to_string(request.width) +
         "x" + std::to_string(request.height) + ", seed " + std::to_string(request.seed) +
         ", passes " + std::to_string(result.videos.back().completed_passes) + ", model calls " +
         std::to_string(result.unet_calls()) + saved + ", " + time;
}

}  // namespace freeinit_cli
