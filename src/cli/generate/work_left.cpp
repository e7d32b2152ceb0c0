#include "generate/work_left.hpp"

#include "generate/prepared_run.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

namespace freeinit_cli {
namespace {

std::int64_t bytes_of_file(const std::filesystem::path& path) {
  std::error_code unknown;
  const auto size = std::filesystem::file_size(path, unknown);
  return unknown ? 0 : static_cast<std::int64_t>(size);
}

}  // namespace

WorkLeft work_left(const PreparedRun& run, const freeinit::CheckpointFolder* kept) {
  const auto& request = run.request;
  const auto& plan = run.plan;
  const std::int64_t calls =
      freeinit::planned_calls(request, run.manifest, run.inputs) / request.num_videos;
  const bool decodes_passes = !plan.passes_folder.empty() || !plan.compare.empty();
  WorkLeft left;
  left.keeps_record = kept == nullptr || request != kept->record().request;
  for (int index = 0; index < plan.num_videos; ++index) {
    std::optional<freeinit::VideoState> state;
    if (kept != nullptr) state = kept->read(index);
    const std::int64_t made = state ? state->run.calls + state->inversion_calls : 0;
    const std::int64_t complete = state ? state->run.pass : 0;
    const std::int64_t own_calls = std::max<std::int64_t>(calls - made, 0);
    const std::int64_t own_passes = own_calls > 0 ? request.free_init.num_iters - complete : 0;
    const bool is_shown = !plan.is_written(index) || plan.has_preview();
    left.calls += own_calls;
    left.passes += own_passes;
    // The frames of the last pass are those of the video.
    left.decodes += decodes_passes && own_passes > 0 ? own_passes : (is_shown ? 1 : 0);
    if (!plan.is_written(index)) ++left.videos;
    if (own_calls == 0) continue;
    ++left.unfinished;
    if (state) left.kept_bytes += bytes_of_file(kept->video_path(index));
  }
  return left;
}

}  // namespace freeinit_cli
