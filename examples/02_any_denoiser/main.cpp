// FreeInit around any denoiser: here a closed-form one, a plain lambda, no network and no files.
//
// The "video" to be generated is a bright spot that moves to the right. A perfect denoiser for one
// known video x0 predicts the noise eps = (x_t - sqrt(abar) x0) / sqrt(1 - abar). Put your own
// model in its place: anything that takes latents [B,C,F,H,W] and a timestep and returns the
// predicted noise.
#include <freeinit/core/error.hpp>
#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

#include <ATen/ATen.h>

#include <cmath>
#include <iostream>

namespace {

constexpr freeinit::LatentShape kShape{
    .batch = 1, .channels = 1, .frames = 8, .height = 16, .width = 16};

/// A spot of unit brightness that crosses the picture from left to right.
at::Tensor moving_spot() {
  at::Tensor video = at::zeros(kShape.sizes());
  for (std::int64_t frame = 0; frame < kShape.frames; ++frame) {
    const std::int64_t left = 2 * frame;
    video[0][0][frame].slice(0, 6, 10).slice(1, left, left + 2).fill_(1.0);
  }
  return video;
}

void print_progress(const freeinit::Progress& progress) {
  if (progress.step != progress.num_steps) return;
  std::cout << "pass " << progress.pass + 1 << "/" << progress.num_passes << "  "
            << to_string(progress.phase) << " done, " << progress.num_steps << " steps\n";
}

}  // namespace

int main() {
  try {
    const freeinit::NoiseSchedule schedule(
        {.sampler = "dpmsolver++", .beta_start = 0.00085, .beta_end = 0.012, .clip_sample = false});
    const at::Tensor target = moving_spot();
    const freeinit::Denoiser denoiser = [&](const at::Tensor& latents, double timestep) {
      // A whole number with ddim and dpmsolver++. With euler and heun it is none: interpolate.
      const double abar = schedule.alphas_cumprod()[static_cast<std::size_t>(timestep)];
      return (latents - std::sqrt(abar) * target) / std::sqrt(1.0 - abar);
    };

    freeinit::FreeInitSettings settings{.shape = kShape, .num_inference_steps = 12};
    settings.options.num_iters = 3;
    // Only the low band of a pass before the last is used, and that settles first.
    settings.options.intermediate = {.result = freeinit::IntermediateResult::prediction,
                                     .steps = 3};
    settings.options.mix.method = freeinit::MixMethod::variance_preserving;

    freeinit::RunControl control;
    control.progress = print_progress;
    const freeinit::FreeInitResult result =
        freeinit::free_init(denoiser, schedule, settings, freeinit::NoiseSource(42), control);

    const auto error = (result.latents - target).abs().max().item<double>();
    std::cout << result.denoiser_calls << " denoiser calls, " << result.calls_saved
              << " saved, largest error " << error << "\n";
    return error < 1e-3 ? 0 : 1;
  } catch (const freeinit::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
