#include "shared/progress_view.hpp"

#include <string>

namespace freeinit_cli {

void ProgressView::show(const freeinit::Progress& progress) {
  const auto of = [](int i, int n) { return std::to_string(i) + "/" + std::to_string(n); };
  const std::string phase(to_string(progress.phase));
  const bool denoising = progress.phase == freeinit::Phase::denoise;
  const bool sampling = denoising || progress.phase == freeinit::Phase::reinit;
  if (!sampling || progress.planned_calls == 0) {
    const bool counted = progress.num_steps > 0;
    const std::string steps = counted ? " " + of(progress.step, progress.num_steps) : "";
    console_.progress(part_.name + phase + steps, {});
    return;
  }
  std::string text = part_.name;
  if (progress.num_videos > 1) text = "video " + of(progress.video + 1, progress.num_videos) + ", ";
  text += "pass " + of(progress.pass + 1, progress.num_passes) + ", ";
  if (denoising) text += "step " + of(progress.step, progress.num_steps) + ", ";
  const double done = static_cast<double>(progress.calls) / progress.planned_calls;
  const double of_part = (progress.video + done) / progress.num_videos;
  console_.progress(text + phase, part_.done + part_.share * of_part);
}

}  // namespace freeinit_cli
