#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

#include <ATen/ATen.h>

#include <cmath>
#include <iostream>

int main() {
  const freeinit::NoiseSchedule schedule(
      {.beta_start = 0.00085, .beta_end = 0.012, .clip_sample = false, .steps_offset = 1});
  // Your network stands here. This one knows that clean latents are white, of variance 1.
  const freeinit::Denoiser denoiser = [&](const at::Tensor& latents, double timestep) {
    // A whole number with ddim, the default. With euler and heun it is none: interpolate there.
    const auto step = static_cast<std::size_t>(timestep);
    return std::sqrt(1.0 - schedule.alphas_cumprod()[step]) * latents;
  };
  const freeinit::FreeInitResult result =
      freeinit::free_init(denoiser, schedule, {.shape = {.frames = 16, .height = 32, .width = 32}},
                          freeinit::NoiseSource(42));
  std::cout << result.completed_passes << " passes, latents " << result.latents.sizes() << "\n";
}
