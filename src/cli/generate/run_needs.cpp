#include "generate/run_needs.hpp"

#include "generate/checkpoint_size.hpp"
#include "shared/text_output.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/process_memory.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace freeinit_cli {
namespace {

using freeinit::Saturated;

constexpr const char* kLess =
    "fewer frames, a smaller size, --context-length, --vae-tiling or --low-memory need less";
constexpr const char* kStillLess = "fewer frames, a smaller size or --context-length need less";

/// What is measured may be so much smaller than what was estimated.
constexpr double kEstimateError = 0.15;

Saturated bytes_of(const freeinit::GenerationRequest& request, std::int64_t bytes_a_pixel) {
  return Saturated(bytes_a_pixel) * request.num_frames * request.height * request.width;
}

std::optional<freeinit::MemoryEstimate> estimate_of(const PreparedRun& run,
                                                    const freeinit::ProcessMemory& process) {
  using freeinit::HeapOverhead;
  const auto& options = run.bundle_options;
  auto memory = freeinit::estimate_memory(
      run.manifest, run.request, options,
      {.resident = options.device.is_cpu() ? process.resident : 0,
       .heap = options.low_memory ? HeapOverhead::returning() : HeapOverhead::keeping(),
       .encodes_video = run.init_frames.defined()});
  if (!memory || run.plan.compare.empty()) return memory;
  const Saturated passes = comparison_of(run, 0).memory() + bytes_of(run.request, 3);
  for (std::int64_t* stage : {&memory->denoise, &memory->decode, &memory->write}) {
    *stage = (*stage + passes).value();
  }
  return memory;
}

/// Whether the run takes more than there is, also if it takes less than estimated by that share.
bool is_short(const PreparedRun& run, double error) {
  return static_cast<double>(run.memory->peak()) * (1.0 - error) > static_cast<double>(*run.room);
}

/// Whether the autoencoder's stages take most, so that smaller pieces for it help.
bool is_of_autoencoder(const freeinit::MemoryEstimate& memory) {
  return memory.peak() > std::max(memory.text, memory.denoise);
}

bool lets_networks_go(PreparedRun& run) {
  return !std::exchange(run.bundle_options.low_memory, true);
}

bool decodes_single_frames(PreparedRun& run) {
  return is_of_autoencoder(*run.memory) && run.request.num_frames > 1 &&
         std::exchange(run.request.decode_chunk_size, 1) != 1;
}

bool decodes_in_tiles(PreparedRun& run) {
  auto& tiling = run.request.vae_tiling;
  const bool has_tiles = std::max(run.request.height, run.request.width) > tiling.tile_size &&
                         tiling.tile_size % run.manifest.vae.spatial_scale == 0;
  return is_of_autoencoder(*run.memory) && has_tiles && !std::exchange(tiling.enabled, true);
}

/// What makes a run smaller, in the order in which it is tried. The first changes no bit; the
/// others change the frames, and so are for a run that would else be refused.
struct Saving {
  double from;  ///< error of the estimate beyond which it is tried
  bool (*take)(PreparedRun&);
  const char* option;
  const char* said;
};
constexpr std::array kSavings{
    Saving{0.0, lets_networks_go, "--low-memory",
           "text encoder and autoencoder are let go when they are not needed"},
    Saving{kEstimateError, decodes_single_frames, "--decode-chunk-size 1",
           "frames are decoded one at a time"},
    Saving{kEstimateError, decodes_in_tiles, "--vae-tiling",
           "frames are decoded in tiles, which changes them a little"},
};

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

}  // namespace

std::string size_text(std::int64_t bytes) {
  constexpr double kMebibyte = 1024.0 * 1024.0;
  const double mebibytes = static_cast<double>(bytes) / kMebibyte;
  if (mebibytes < 1024.0) return fixed_number(mebibytes, mebibytes < 10.0 ? 1 : 0) + " MiB";
  return fixed_number(mebibytes / 1024.0, 1) + " GiB";
}

void fit_into_memory(PreparedRun& run, bool warns, Console& console) {
  const auto process = freeinit::process_memory();
  if (process.is_known()) run.room = process.resident + process.available;
  run.memory = estimate_of(run, process);
  if (!run.memory || !run.bundle_options.device.is_cpu() || !run.room) return;
  std::vector<std::string> done;
  std::string options;
  for (const Saving& saving : kSavings) {
    if (!is_short(run, saving.from) || !saving.take(run)) continue;
    run.memory = estimate_of(run, process);
    done.push_back(std::string("memory is short: ") + saving.said + ", as with " + saving.option);
    options += std::string(options.empty() ? "" : " ") + saving.option;
  }
  const bool refused = is_short(run, kEstimateError);
  const std::string message = "memory: the run takes about " + size_text(run.memory->peak()) +
                              (options.empty() ? "" : " even with " + options) + " and " +
                              size_text(*run.room) + " can be had; " + kStillLess;
  if (refused && !warns) freeinit::raise(freeinit::ErrorCode::unsupported, message);
  for (const std::string& line : done) console.info(line);
  if (refused) console.warning(message);
}

Saturated latent_bytes(const PreparedRun& run) {
  const auto& request = run.request;
  const std::int64_t scale = run.manifest.vae.spatial_scale;
  constexpr std::int64_t kNumber = sizeof(float);
  return Saturated(kNumber) * run.manifest.unet.in_channels * request.num_frames *
         (request.height / scale) * (request.width / scale);
}

std::int64_t DiskNeed::all_tensors() const {
  Saturated sum;
  for (const auto& [folder, bytes] : tensors) sum += bytes;
  return sum.value();
}

DiskNeed disk_need(const PreparedRun& run) {
  const auto& request = run.request;
  const auto& plan = run.plan;
  const auto& left = run.left;
  const Saturated latents = latent_bytes(run);
  DiskNeed need;
  const auto add = [&](const std::filesystem::path& folder, Saturated bytes) {
    need.tensors[folder] = (need.tensors[folder] + bytes).value();
  };
  if (!plan.latents.empty()) add(folder_of(plan.latents), request.num_videos * latents);
  if (!plan.frames.empty()) {
    add(folder_of(plan.frames), request.num_videos * (3 * bytes_of(request, 4)));
  }
  if (!plan.passes_folder.empty()) add(plan.passes_folder, left.passes * (2 * latents));
  if (!plan.checkpoint_folder.empty()) add(plan.checkpoint_folder, checkpoint_need(run));
  const std::int64_t videos = left.videos + (plan.has_preview() ? request.num_videos : 0) +
                              (plan.passes_folder.empty() ? 0 : left.passes) +
                              (plan.compare.empty() ? 0 : left.passes);
  constexpr std::int64_t kContainer = 65536;
  need.videos = (videos * (bytes_of(request, 3) + kContainer)).value();
  return need;
}

void check_disk(const PreparedRun& run) {
  for (const auto& [folder, bytes] : disk_need(run).tensors) {
    std::error_code unknown;
    const auto place = std::filesystem::exists(folder, unknown) ? folder : folder_of(folder);
    const auto space = std::filesystem::space(place, unknown);
    if (unknown || std::cmp_less_equal(bytes, space.available)) continue;
    freeinit::raise(freeinit::ErrorCode::io,
                    "disk of '" + folder.string() + "': the run writes " + size_text(bytes) +
                        " there and " + size_text(static_cast<std::int64_t>(space.available)) +
                        " are free; another folder, fewer videos or no --save-frames need less");
  }
}

void with_memory_advice(const std::function<void()>& action) {
  try {
    action();
  } catch (const freeinit::Error& error) {
    const std::string text = error.what();
    if (text.find("out of memory") == std::string::npos) throw;
    freeinit::raise(error.code(), text + "; " + kLess);
  } catch (const std::bad_alloc&) {
    freeinit::raise(freeinit::ErrorCode::model, std::string("out of memory; ") + kLess);
  }
}

}  // namespace freeinit_cli
