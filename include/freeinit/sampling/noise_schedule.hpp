#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/options/sampler_config.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// One level of noise: x = sqrt(alpha) scale x_0 + sqrt(1 - alpha) noise.
struct NoiseLevel {
  double alpha = 1.0;  ///< abar_t
  double scale = 1.0;  ///< dynamic rescale, 1 without
};

/// The forward process that a model was trained with, independent of how it is sampled: betas,
/// abar_t, noise added to samples, and the grids of timesteps that samplers walk. Immutable.
/// Everything is in the variance-preserving scale, x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise,
/// whatever scale a sampler keeps its latents in.
class FREEINIT_API NoiseSchedule {
 public:
  /// Throws Error: invalid_argument for a configuration that `validate` refuses, or whose betas
  /// leave no noise or no signal in float32.
  explicit NoiseSchedule(const SamplerConfig& config);

  /// What it was made of.
  [[nodiscard]] const SamplerConfig& config() const noexcept { return config_; }

  /// Timesteps that the model was trained on: N, 1000 in all known families.
  [[nodiscard]] std::int64_t num_train_timesteps() const noexcept {
    return config_.num_train_timesteps;
  }
  /// num_train_timesteps - 1: where FreeInit diffuses to.
  [[nodiscard]] std::int64_t last_timestep() const noexcept { return num_train_timesteps() - 1; }

  /// abar_t for t = 0 .. num_train_timesteps - 1, the float32 values of diffusers as doubles.
  [[nodiscard]] const std::vector<double>& alphas_cumprod() const noexcept {
    return alphas_cumprod_;
  }

  /// sigma_t = sqrt((1 - abar_t) / abar_t) for every training timestep: the noise per unit of
  /// signal, as samplers in sigma space count it; float32 values. Infinite at a level without
  /// signal.
  [[nodiscard]] std::vector<double> sigmas() const;

  /// The level at timestep `t`; below the first timestep it is the first one, without any noise if
  /// `set_alpha_to_one`. Undefined for `t` >= num_train_timesteps.
  [[nodiscard]] NoiseLevel level(std::int64_t t) const;

  /// The grid of `timestep_spacing` for a number of steps, from the noisiest timestep to the
  /// cleanest. Throws Error: invalid_argument (steps < 1 or > num_train_timesteps, a steps_offset
  /// that leads beyond the last timestep).
  [[nodiscard]] std::vector<std::int64_t> timesteps(std::int64_t num_inference_steps) const;

  /// The forward process: sqrt(abar_t) original + sqrt(1 - abar_t) noise, in the dtype of
  /// `original` (abar_t is rounded to that dtype before the root, as diffusers does), the original
  /// rescaled where the schedule says so. Throws Error: invalid_argument (timestep outside 0..N-1,
  /// shapes).
  [[nodiscard]] at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                                     std::int64_t timestep) const;

  /// The forward process from a sample that is noised already: from the level of timestep `from` to
  /// that of `to` >= `from`,
  ///     sqrt(s) sample + sqrt(1 - s) noise,   s = abar_to / abar_from
  /// (the bridge of FreqPrior, arXiv 2502.03496), in the dtype of `sample`; a rescaled signal
  /// changes its scale on the way. With noise that is independent of the sample's this gives what
  /// `add_noise` gives from the clean original. Throws Error: invalid_argument (timesteps outside
  /// 0..N-1 or in the wrong order, shapes).
  [[nodiscard]] at::Tensor add_noise_between(const at::Tensor& sample, const at::Tensor& noise,
                                             std::int64_t from, std::int64_t to) const;

  /// `add_noise_between` for any two levels, such as `Sampler::level`; a sample that is no cleaner
  /// than `to` stays as it is. Throws Error: invalid_argument (shapes).
  [[nodiscard]] static at::Tensor add_noise_from(const at::Tensor& sample, const at::Tensor& noise,
                                                 const NoiseLevel& from, const NoiseLevel& to);

 private:
  SamplerConfig config_;
  std::vector<double> alphas_cumprod_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/noise_schedule_inl.hpp>
#endif
