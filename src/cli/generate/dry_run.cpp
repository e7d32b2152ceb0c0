#include "generate/dry_run.hpp"

#include "generate/call_kinds.hpp"
#include "generate/run_needs.hpp"
#include "shared/json_text.hpp"
#include "shared/stopwatch.hpp"
#include "shared/text_output.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/networks/tiled_autoencoder.hpp>

#include <ATen/ops/zeros.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace freeinit_cli {
namespace {

using nlohmann::ordered_json;

/// Seconds of the parts of a run.
struct TimeEstimate {
  double load = 0.0, call = 0.0, chunk = 0.0;
  double denoise = 0.0, decode = 0.0;
  std::vector<CallKind> kinds{};

  [[nodiscard]] double total() const { return load + denoise + decode; }
};

void refuse_when_stopped(const freeinit::RunControl& control) {
  if (!control.stop.stop_requested()) return;
  freeinit::raise(freeinit::ErrorCode::cancelled, "dry run: stopped");
}

/// The run's request as one pass of calls that are guided, or none of them.
freeinit::GenerationRequest request_of_kind(const PreparedRun& run, bool guided) {
  auto request = run.request;
  request.real_video = {};
  request.free_init.num_iters = 1;
  request.free_init.fast_sampling = false;
  request.free_init.intermediate = {};
  request.free_init.budget_calls.reset();
  request.guidance_interval = {};
  if (!guided) request.guidance_scale = 1.0;
  return request;
}

/// Seconds of the first `count` network calls of such a run, which is stopped after them: the first
/// is whole, and where features are kept the second reuses them.
std::vector<double> seconds_of_calls(const PreparedRun& run,
                                     const freeinit::TextToVideoPipeline& pipeline,
                                     const freeinit::RunControl& given, bool guided,
                                     std::size_t count) {
  freeinit::GenerationInputs inputs = run.inputs;
  inputs.video_latents.reset();  // an inversion calls the network as well, but reports it otherwise
  std::stop_source stop;
  const std::stop_callback stop_too(given.stop, [&stop] { stop.request_stop(); });
  std::optional<Stopwatch> started;
  std::vector<double> seconds;
  freeinit::RunControl control;
  control.stop = stop.get_token();
  control.progress = [&](const freeinit::Progress& progress) {
    const bool denoises = progress.phase == freeinit::Phase::denoise;
    if (denoises && progress.step > 0 && seconds.size() < count) {
      seconds.push_back(started->seconds());
    }
    given.report(progress);
    if (seconds.size() == count) stop.request_stop();
    if (denoises) started.emplace();
  };
  try {
    freeinit::GenerationHooks hooks;
    hooks.decode = false;
    (void)pipeline.generate(request_of_kind(run, guided), inputs, control, hooks);
  } catch (const freeinit::Error& error) {
    if (error.code() != freeinit::ErrorCode::cancelled) throw;
  }
  refuse_when_stopped(given);
  return seconds;
}

/// Measures each kind of call that the run has.
std::vector<CallKind> timed_kinds(const PreparedRun& run,
                                  const freeinit::TextToVideoPipeline& pipeline,
                                  const freeinit::RunControl& control) {
  auto kinds = call_kinds(run);
  for (const bool guided : {true, false}) {
    std::size_t count = 0;
    for (const CallKind& kind : kinds) {
      if (kind.guided == guided) count = std::max(count, std::size_t{kind.cached ? 2U : 1U});
    }
    if (count == 0) continue;
    const auto seconds = seconds_of_calls(run, pipeline, control, guided, count);
    for (CallKind& kind : kinds) {
      if (kind.guided == guided) kind.seconds = seconds.at(kind.cached ? 1 : 0);
    }
  }
  return kinds;
}

double seconds_of_chunk(const PreparedRun& run, const freeinit::TextToVideoPipeline& pipeline,
                        const freeinit::RunControl& control, std::int64_t chunk_size) {
  const auto& vae = run.manifest.vae;
  const auto autoencoder =
      freeinit::with_tiling(pipeline.bundle().autoencoder(), run.request.vae_tiling);
  const at::Tensor latents =
      at::zeros({1, vae.latent_channels, chunk_size, run.request.height / vae.spatial_scale,
                 run.request.width / vae.spatial_scale});
  const Stopwatch decoding;
  (void)freeinit::decode_video(*autoencoder, latents, chunk_size, control);
  const double seconds = decoding.seconds();
  refuse_when_stopped(control);
  return seconds;
}

TimeEstimate measure(const PreparedRun& run,
                     const std::function<freeinit::TextToVideoPipeline()>& load,
                     const freeinit::RunControl& control) {
  const auto& request = run.request;
  TimeEstimate time;
  const Stopwatch loading;
  const auto pipeline = load();
  time.load = loading.seconds();
  if (run.left.calls > 0) {
    time.kinds = timed_kinds(run, pipeline, control);
    for (const CallKind& kind : time.kinds) time.call += kind.share * kind.seconds;
    time.denoise = static_cast<double>(run.left.calls) * time.call;
  }
  if (run.left.decodes > 0) {
    const std::int64_t chunk_size = std::min(*request.decode_chunk_size, request.num_frames);
    const std::int64_t chunks = (request.num_frames + chunk_size - 1) / chunk_size;
    time.chunk = seconds_of_chunk(run, pipeline, control, chunk_size);
    time.decode = static_cast<double>(run.left.decodes * chunks) * time.chunk;
  }
  return time;
}

std::vector<std::pair<std::string, std::int64_t>> stages(const freeinit::MemoryEstimate& memory) {
  return {{"text", memory.text},     {"encode", memory.encode}, {"denoise", memory.denoise},
          {"decode", memory.decode}, {"write", memory.write},   {"peak", memory.peak()}};
}

ordered_json stages_json(const PreparedRun& run) {
  if (!run.memory) return nullptr;
  ordered_json json;
  for (const auto& [stage, bytes] : stages(*run.memory)) json[stage] = bytes;
  json["available"] = nullptr;
  if (run.room) json["available"] = *run.room;
  return json;
}

std::string memory_line(const PreparedRun& run) {
  if (!run.memory) {
    return "unknown: this bundle does not tell; 'freeinit-export memory BUNDLE' measures it";
  }
  std::string line;
  for (const auto& [stage, bytes] : stages(*run.memory)) {
    if (bytes > 0) line.append(line.empty() ? "" : ", ").append(stage + " " + size_text(bytes));
  }
  return run.room ? line + "; " + size_text(*run.room) + " can be had" : line;
}

std::string time_line(const TimeEstimate& time, std::int64_t calls) {
  return "about " + fixed_number(time.total(), 1) + " s: " + std::to_string(calls) +
         " network calls of " + short_number(time.call) + " s, decoding " +
         fixed_number(time.decode, 1) + " s, loading " + fixed_number(time.load, 1) + " s";
}

ordered_json time_json(const TimeEstimate& time) {
  auto kinds = ordered_json::array();
  for (const CallKind& kind : time.kinds) {
    kinds.push_back({{"guided", kind.guided},
                     {"cached", kind.cached},
                     {"share", kind.share},
                     {"network_call", kind.seconds}});
  }
  return {{"load", time.load},       {"network_call", time.call}, {"kinds", kinds},
          {"denoise", time.denoise}, {"decode", time.decode},     {"total", time.total()}};
}

}  // namespace

void dry_run(const GenerateArguments& arguments, PreparedRun& run,
             const std::function<freeinit::TextToVideoPipeline()>& load,
             const freeinit::RunControl& control, Console& console) {
  const std::int64_t calls = run.left.calls;
  const DiskNeed disk = disk_need(run);
  const std::string calls_name = "network calls";
  if (!arguments.json) {
    print_facts({{calls_name, std::to_string(calls)},
                 {"memory", memory_line(run)},
                 {"disk", size_text(disk.all_tensors()) + ", and videos of at most " +
                              size_text(disk.videos)}},
                console);
  }
  const bool fits = !run.memory || !run.room || run.memory->peak() <= *run.room;
  std::optional<TimeEstimate> time;
  if (fits) time = measure(run, load, control);
  console.end_progress();
  if (!arguments.json) {
    if (time) print_facts({{"time", time_line(*time, calls)}}, console, calls_name.size());
    return;
  }
  console.result(
      json_text({{"dry_run", true},
                 {"network_calls", calls},
                 {"decoded_videos", run.left.decodes},
                 {"memory", stages_json(run)},
                 {"low_memory", run.bundle_options.low_memory},
                 {"decode_chunk_size", *run.request.decode_chunk_size},
                 {"disk", {{"tensors", disk.all_tensors()}, {"videos_at_most", disk.videos}}},
                 {"seconds", time ? time_json(*time) : ordered_json()}}));
}

}  // namespace freeinit_cli
