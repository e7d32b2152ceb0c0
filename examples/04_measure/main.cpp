// What is left of a video when it is noised, and how steady it is: the layer `analysis` on tensors
// of your own. Needs no model and no file.

#include <freeinit/analysis/consistency.hpp>
#include <freeinit/analysis/forward_process.hpp>
#include <freeinit/core/error.hpp>

#include <ATen/ATen.h>

#include <iostream>

namespace {

/// Latents of a soft spot that moves to the right, [1,4,16,16,16]: smooth, like those of real
/// videos.
at::Tensor moving_spot() {
  const at::Tensor t = at::arange(16, at::kFloat).reshape({16, 1, 1});
  const at::Tensor y = at::arange(16, at::kFloat).reshape({1, 16, 1});
  const at::Tensor x = at::arange(16, at::kFloat).reshape({1, 1, 16});
  const at::Tensor distance = (x - 3 - t / 2).square() + (y - 8).square();
  return ((-distance / 20).exp() * 4 - 1).expand({1, 4, 16, 16, 16});
}

}  // namespace

int main() {
  try {
    const at::Tensor latents = moving_spot();
    const freeinit::NoiseSchedule schedule(
        {.beta_start = 0.00085, .beta_end = 0.012, .clip_sample = false});
    const freeinit::ForwardAnalysis gap =
        freeinit::analyze_forward_process(latents, schedule, {.timesteps = {500, 999}});
    for (std::size_t i = 0; i < gap.bands.size(); ++i) {
      std::cout << "frequencies up to " << gap.bands[i].upper << ": signal-to-noise "
                << gap.levels.back().expected_snr[i] << " at timestep 999\n";
    }

    const at::Tensor by_frame = latents[0].transpose(0, 1);  // [F,C,h,w]
    const freeinit::ConsistencyScores steady = freeinit::consistency_scores(by_frame);
    const freeinit::ChangeScores change = freeinit::change_scores(by_frame);
    std::cout << "temporal consistency " << steady.temporal_consistency << ", motion energy "
              << change.motion_energy << "\n";
    const auto& last = gap.levels.back().expected_snr;
    return last.front() > 100 * last.back() ? 0 : 1;
  } catch (const freeinit::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
