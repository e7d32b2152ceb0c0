#include "generate/dry_run.hpp"

#include "generate/run_needs.hpp"
#include "shared/json_text.hpp"
#include "shared/stopwatch.hpp"
#include "shared/text_output.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/process_memory.hpp>
#include <freeinit/networks/tiled_autoencoder.hpp>

#include <ATen/ops/zeros.h>
#include <nlohmann/json.hpp>

#include <algorithm>
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

  [[nodiscard]] double total() const { return load + denoise + decode; }
};

/// The time of the first network call of the run, which is stopped after it.
double seconds_of_call(const PreparedRun& run, const freeinit::TextToVideoPipeline& pipeline) {
  freeinit::GenerationRequest request = run.request;
  freeinit::GenerationInputs inputs = run.inputs;
  inputs.video_latents.reset();  // an inversion calls the network as well, but reports it otherwise
  request.real_video = {};
  std::stop_source stop;
  std::optional<Stopwatch> started;
  double seconds = 0.0;
  freeinit::RunControl control;
  control.stop = stop.get_token();
  control.progress = [&](const freeinit::Progress& progress) {
    if (progress.phase != freeinit::Phase::denoise) return;
    if (progress.step == 0) started.emplace();
    if (progress.step == 1 && seconds == 0.0) {
      seconds = started->seconds();
      stop.request_stop();
    }
  };
  try {
    freeinit::GenerationHooks hooks;
    hooks.decode = false;
    (void)pipeline.generate(request, inputs, control, hooks);
  } catch (const freeinit::Error& error) {
    if (error.code() != freeinit::ErrorCode::cancelled) throw;
  }
  return seconds;
}

double seconds_of_chunk(const PreparedRun& run, const freeinit::TextToVideoPipeline& pipeline,
                        std::int64_t chunk_size) {
  const auto& vae = run.manifest.vae;
  const auto autoencoder =
      freeinit::with_tiling(pipeline.bundle().autoencoder(), run.request.vae_tiling);
  const at::Tensor latents =
      at::zeros({1, vae.latent_channels, chunk_size, run.request.height / vae.spatial_scale,
                 run.request.width / vae.spatial_scale});
  const Stopwatch decoding;
  (void)freeinit::decode_video(*autoencoder, latents, chunk_size);
  return decoding.seconds();
}

TimeEstimate measure(const PreparedRun& run,
                     const std::function<freeinit::TextToVideoPipeline()>& load,
                     std::int64_t calls) {
  const auto& request = run.request;
  TimeEstimate time;
  const Stopwatch loading;
  const auto pipeline = load();
  time.load = loading.seconds();
  const std::int64_t chunk_size = std::min(*request.decode_chunk_size, request.num_frames);
  time.call = seconds_of_call(run, pipeline);
  time.chunk = seconds_of_chunk(run, pipeline, chunk_size);
  time.denoise = static_cast<double>(calls) * time.call;
  const std::int64_t chunks = (request.num_frames + chunk_size - 1) / chunk_size;
  time.decode = static_cast<double>(request.num_videos * chunks) * time.chunk;
  return time;
}

std::vector<std::pair<std::string, std::int64_t>> stages(const freeinit::MemoryEstimate& memory) {
  return {{"text", memory.text},     {"encode", memory.encode}, {"denoise", memory.denoise},
          {"decode", memory.decode}, {"write", memory.write},   {"peak", memory.peak()}};
}

ordered_json memory_json(const PreparedRun& run, std::int64_t available) {
  if (!run.memory) return nullptr;
  ordered_json json;
  for (const auto& [stage, bytes] : stages(*run.memory)) json[stage] = bytes;
  json["available"] = available;
  return json;
}

std::string memory_line(const PreparedRun& run, std::int64_t available) {
  if (!run.memory) {
    return "unknown: this bundle does not tell; 'freeinit-export memory BUNDLE' measures it";
  }
  std::string line;
  for (const auto& [stage, bytes] : stages(*run.memory)) {
    if (bytes > 0) line.append(line.empty() ? "" : ", ").append(stage + " " + size_text(bytes));
  }
  return line + "; " + size_text(available) + " can be had";
}

std::string time_line(const TimeEstimate& time, std::int64_t calls) {
  return "about " + fixed_number(time.total(), 1) + " s: " + std::to_string(calls) +
         " network calls of " + short_number(time.call) + " s, decoding " +
         fixed_number(time.decode, 1) + " s, loading " + fixed_number(time.load, 1) + " s";
}

}  // namespace

void dry_run(const GenerateArguments& arguments, PreparedRun& run,
             const std::function<freeinit::TextToVideoPipeline()>& load, Console& console) {
  const std::int64_t calls = freeinit::planned_calls(run.request, run.manifest, run.inputs);
  const auto process = freeinit::process_memory();
  const std::int64_t room = process.resident + process.available;
  const DiskNeed disk = disk_need(run);
  const bool fits = !run.memory || !process.is_known() || run.memory->peak() <= room;
  std::optional<TimeEstimate> time;
  if (fits) time = measure(run, load, calls);
  console.end_progress();
  if (!arguments.json) {
    print_facts({{"network calls", std::to_string(calls)},
                 {"memory", memory_line(run, room)},
                 {"disk", size_text(disk.all_tensors()) + ", and videos of at most " +
                              size_text(disk.videos)},
                 {"time", time ? time_line(*time, calls) : ""}},
                console);
    return;
  }
  ordered_json json{{"dry_run", true},
                    {"network_calls", calls},
                    {"memory", memory_json(run, room)},
                    {"low_memory", run.bundle_options.low_memory},
                    {"decode_chunk_size", *run.request.decode_chunk_size},
                    {"disk", {{"tensors", disk.all_tensors()}, {"videos_at_most", disk.videos}}},
                    {"seconds", nullptr}};
  if (time) {
    json["seconds"] = {{"load", time->load},
                       {"network_call", time->call},
                       {"denoise", time->denoise},
                       {"decode", time->decode},
                       {"total", time->total()}};
  }
  console.result(json_text(json));
}

}  // namespace freeinit_cli
