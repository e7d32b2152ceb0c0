#include "watch.hpp"

#include "handles.hpp"

#include <string>
#include <string_view>

namespace freeinit_c {
namespace {

freeinit_progress c_progress(const freeinit::Progress& progress, const std::string& phase) {
  return {.struct_size = sizeof(freeinit_progress),
          .phase = phase.c_str(),
          .pass = progress.pass,
          .num_passes = progress.num_passes,
          .step = progress.step,
          .num_steps = progress.num_steps,
          .video = progress.video,
          .num_videos = progress.num_videos,
          .calls = progress.calls,
          .num_calls = progress.planned_calls};
}

}  // namespace

freeinit::Progress Watch::with_calls(freeinit::Progress progress) {
  if (progress.planned_calls > 0) sampled_ = progress;
  if (progress.phase != freeinit::Phase::decode) return progress;
  progress.pass = sampled_.pass;
  progress.num_passes = sampled_.num_passes;
  progress.calls = sampled_.calls;
  progress.planned_calls = sampled_.planned_calls;
  return progress;
}

Watch::Watch(void* user_data, freeinit_progress_fn on_progress, freeinit_log_fn on_log,
             const freeinit_cancel* cancel) {
  if (cancel) pressed_.emplace(cancel->source.get_token(), [this] { stop_.request_stop(); });
  control_.stop = stop_.get_token();
  if (on_progress) {
    control_.progress = [=, this](const freeinit::Progress& progress) {
      const std::string phase(to_string(progress.phase));
      const freeinit_progress shown = c_progress(with_calls(progress), phase);
      heed(on_progress(user_data, &shown));
    };
  }
  if (on_log) {
    control_.log = [=](freeinit::LogLevel level, std::string_view message) {
      on_log(user_data, static_cast<std::int32_t>(level), std::string(message).c_str());
    };
  }
}

}  // namespace freeinit_c
