#pragma once

// The grids of samplers that count noise in sigma = sqrt((1 - abar) / abar): their timesteps, the
// levels there, and how the levels are spaced anew.

#include <freeinit/core/checks.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/impl/sampling/beta_quantile_inl.hpp>
#include <freeinit/impl/sampling/step_grid_inl.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

struct SigmaGrid {
  std::vector<double> timesteps;  ///< what the denoiser is called with
  std::vector<double> sigmas;     ///< float32 values, one more: the level the last step arrives at
};

/// sigma at every training timestep; a level without signal counts as abar = 2^-24, as in
/// diffusers.
FREEINIT_INLINE std::vector<double> training_sigmas(const NoiseSchedule& schedule) {
  std::vector<double> sigmas = schedule.sigmas();
  if (std::isinf(sigmas.back())) {
    const float alpha = 0x1p-24F;
    sigmas.back() = std::sqrt((1.0F - alpha) / alpha);
  }
  return sigmas;
}

/// sigma at any timestep, linear between training timesteps: NumPy's interp in double.
FREEINIT_INLINE double sigma_at(const std::vector<double>& sigmas, double timestep) {
  const auto below = static_cast<std::size_t>(timestep);
  if (below + 1 >= sigmas.size()) return sigmas.back();
  const double slope = sigmas[below + 1] - sigmas[below];
  return slope * (timestep - static_cast<double>(below)) + sigmas[below];
}

/// The timestep of a level, linear in log sigma between training timesteps.
FREEINIT_INLINE double timestep_at(const std::vector<double>& sigmas, double sigma) {
  const auto above = std::upper_bound(sigmas.begin() + 1, sigmas.end() - 1, sigma);
  const auto low = static_cast<std::size_t>(above - sigmas.begin()) - 1;
  // The training levels' logarithms are float32 in the reference.
  const double from = std::log(static_cast<float>(sigmas[low]));
  const double to = std::log(static_cast<float>(sigmas[low + 1]));
  const double part = std::clamp((from - std::log(sigma)) / (from - to), 0.0, 1.0);
  return (1.0 - part) * static_cast<double>(low) + part * static_cast<double>(low + 1);
}

/// `steps` levels from `largest` down to `smallest`.
FREEINIT_INLINE std::vector<double> spaced_sigmas(SigmaSpacing spacing, double largest,
                                                  double smallest, std::int64_t steps) {
  constexpr double kRho = 7.0;
  constexpr double kShape = 0.6;
  const double first = std::pow(largest, 1.0 / kRho);
  const double last = std::pow(smallest, 1.0 / kRho);
  std::vector<double> sigmas;
  for (std::int64_t i = 0; i < steps; ++i) {
    const double part = steps > 1 ? static_cast<double>(i) / static_cast<double>(steps - 1) : 0.0;
    switch (spacing) {
      case SigmaSpacing::karras:
        sigmas.push_back(std::pow(first + part * (last - first), kRho));
        break;
      case SigmaSpacing::exponential:
        sigmas.push_back(
            std::exp(std::log(largest) + part * (std::log(smallest) - std::log(largest))));
        break;
      case SigmaSpacing::beta:
        sigmas.push_back(smallest + beta_quantile(1.0 - part, kShape) * (largest - smallest));
        break;
      case SigmaSpacing::timesteps:
        raise(ErrorCode::internal, "sigma spacing 'timesteps': does not space levels anew");
    }
  }
  return sigmas;
}

/// The level after the last step, and everything as float32.
FREEINIT_INLINE SigmaGrid finished(std::vector<double> timesteps, std::vector<double> sigmas,
                                   double last) {
  sigmas.push_back(last);
  for (double& sigma : sigmas) sigma = static_cast<float>(sigma);
  return {std::move(timesteps), std::move(sigmas)};
}

/// The grid of Euler and its relatives: linspace timesteps are not whole numbers, all are float32,
/// new spacings lie between the levels of the grid's ends.
FREEINIT_INLINE SigmaGrid continuous_sigma_grid(const NoiseSchedule& schedule, std::int64_t steps) {
  const SamplerConfig& config = schedule.config();
  const std::vector<double> training = training_sigmas(schedule);
  const std::vector<std::int64_t> whole = schedule.timesteps(steps);  // refuses wrong steps
  std::vector<double> timesteps(whole.begin(), whole.end());
  if (config.timestep_spacing == TimestepSpacing::linspace) {
    timesteps = linspace_values(schedule.num_train_timesteps(), steps);
    for (double& timestep : timesteps) timestep = static_cast<float>(timestep);
  }
  std::vector<double> sigmas;
  for (const double timestep : timesteps) sigmas.push_back(sigma_at(training, timestep));
  if (config.sigma_spacing != SigmaSpacing::timesteps) {
    sigmas = spaced_sigmas(config.sigma_spacing, sigmas.front(), sigmas.back(), steps);
    for (std::size_t i = 0; i < sigmas.size(); ++i) {
      timesteps[i] = static_cast<float>(timestep_at(training, sigmas[i]));
    }
  }
  const bool zero = config.final_sigmas_type == FinalSigma::zero;
  return finished(std::move(timesteps), std::move(sigmas), zero ? 0.0 : training.front());
}

/// What noise of unit variance is multiplied by where latents are x_0 + sigma noise: in float32, as
/// in the reference. The leading grid's first level lies below the last training level, and its
/// latents have the variance of both parts.
FREEINIT_INLINE double init_noise_sigma(const SamplerConfig& config, const SigmaGrid& grid) {
  const at::Tensor largest = at::tensor(grid.sigmas, at::kFloat).max();
  const bool leading = config.timestep_spacing == TimestepSpacing::leading;
  return (leading ? largest.square().add(1.0).sqrt() : largest).item<double>();
}

/// Whole timesteps of the multistep solvers, which reach one step beyond their last one: leading
/// and linspace are a grid of one more, without its end.
FREEINIT_INLINE std::vector<std::int64_t> multistep_timesteps(const NoiseSchedule& schedule,
                                                              std::int64_t steps) {
  const std::int64_t train = schedule.num_train_timesteps();
  std::vector<std::int64_t> timesteps = schedule.timesteps(steps);  // refuses wrong steps
  if (schedule.config().timestep_spacing == TimestepSpacing::trailing) return timesteps;
  if (schedule.config().timestep_spacing == TimestepSpacing::leading) {
    const std::int64_t ratio = train / (steps + 1);
    for (std::int64_t i = 0; i < steps; ++i) {
      timesteps[static_cast<std::size_t>(i)] = (steps - i) * ratio + schedule.config().steps_offset;
    }
    check_between("num_inference_steps", steps, 1, train - 1);
    check_between("the first timestep", timesteps.front(), 0, train - 1);
    return timesteps;
  }
  timesteps = linspace_timesteps(train, steps + 1);
  timesteps.pop_back();
  return timesteps;
}

/// The grid of DPM-Solver++ and UniPC: new spacings take in all training levels.
/// `rounds_karras`: to the nearest timestep; the others are cut to whole ones.
FREEINIT_INLINE SigmaGrid multistep_sigma_grid(const NoiseSchedule& schedule, std::int64_t steps,
                                               bool rounds_karras) {
  const SamplerConfig& config = schedule.config();
  const std::vector<double> training = training_sigmas(schedule);
  const std::vector<std::int64_t> whole = multistep_timesteps(schedule, steps);
  std::vector<double> timesteps(whole.begin(), whole.end());
  std::vector<double> sigmas;
  for (const double timestep : timesteps) sigmas.push_back(sigma_at(training, timestep));
  if (config.sigma_spacing != SigmaSpacing::timesteps) {
    const bool rounds = rounds_karras && config.sigma_spacing == SigmaSpacing::karras;
    sigmas = spaced_sigmas(config.sigma_spacing, training.back(), training.front(), steps);
    for (std::size_t i = 0; i < sigmas.size(); ++i) {
      const double timestep = timestep_at(training, sigmas[i]);
      timesteps[i] = rounds ? std::nearbyint(timestep) : std::trunc(timestep);
    }
  }
  const bool zero = config.final_sigmas_type == FinalSigma::zero;
  return finished(std::move(timesteps), std::move(sigmas), zero ? 0.0 : training.front());
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
