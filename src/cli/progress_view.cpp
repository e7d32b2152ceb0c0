#include "progress_view.hpp"

#include <cstddef>
#include <string>
#include <utility>

namespace freeinit_cli {

ProgressView::ProgressView(Console& console, std::vector<std::int64_t> steps_per_pass)
    : console_(console) {
  for (const auto steps : steps_per_pass) {
    steps_before_.push_back(all_steps_);
    all_steps_ += steps;
  }
}

void ProgressView::show(const freeinit::Progress& progress) {
  const auto of = [](int i, int n) { return std::to_string(i) + "/" + std::to_string(n); };
  const std::string phase(to_string(progress.phase));
  const auto pass = static_cast<std::size_t>(progress.pass);
  const bool denoising = progress.phase == freeinit::Phase::denoise;
  const bool sampling = denoising || progress.phase == freeinit::Phase::reinit;
  if (!sampling || pass >= steps_before_.size()) {
    const bool counted = progress.num_steps > 0;
    console_.progress(counted ? phase + " " + of(progress.step, progress.num_steps) : phase, {});
    return;
  }
  std::string text;
  if (progress.num_videos > 1) text = "video " + of(progress.video + 1, progress.num_videos) + ", ";
  text += "pass " + of(progress.pass + 1, progress.num_passes) + ", ";
  if (denoising) text += "step " + of(progress.step, progress.num_steps) + ", ";
  const auto steps =
      progress.video * all_steps_ + steps_before_[pass] + (denoising ? progress.step : 0);
  console_.progress(text + phase, static_cast<double>(steps) /
                                      static_cast<double>(all_steps_ * progress.num_videos));
}

}  // namespace freeinit_cli
