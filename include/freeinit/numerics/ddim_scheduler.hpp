#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/numerics/scheduler.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// How the noise added per training timestep grows from beta_start to beta_end: evenly, with evenly
/// spaced square roots (Stable Diffusion), or by GLIDE's cosine, which has no start and end.
enum class BetaSchedule { linear, scaled_linear, squaredcos_cap_v2 };
/// What the network predicts: the noise, the clean sample, or v = sqrt(abar) noise - sqrt(1 - abar)
/// sample (arXiv 2202.00512).
enum class PredictionType { epsilon, sample, v_prediction };
/// `leading`, `linspace`, `trailing`: diffusers'. `uniform`: the grid of latent diffusion's own
/// DDIM (VideoCrafter), 0, N/n, 2 N/n, ... below N, then `steps_offset` on top: where n does not
/// divide N it has more than n entries, 31 for n = 30 and N = 1000.
enum class TimestepSpacing { leading, linspace, trailing, uniform };

/// Names as in diffusers' configuration files, and `uniform`. Throw Error: invalid_argument with
/// the known names.
[[nodiscard]] FREEINIT_API BetaSchedule beta_schedule_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API PredictionType prediction_type_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API TimestepSpacing timestep_spacing_from_string(std::string_view name);

/// The settings of diffusers' `DDIMScheduler`, same names, same defaults, and two that only
/// VideoCrafter's sampler has.
struct DdimConfig {
  std::int64_t num_train_timesteps = 1000;
  double beta_start = 0.0001;
  double beta_end = 0.02;
  BetaSchedule beta_schedule = BetaSchedule::linear;
  std::vector<double> trained_betas{};  ///< replaces the schedule when not empty
  bool clip_sample = true;
  double clip_sample_range = 1.0;
  bool set_alpha_to_one = true;
  std::int64_t steps_offset = 0;
  PredictionType prediction_type = PredictionType::epsilon;
  bool thresholding = false;
  double dynamic_thresholding_ratio = 0.995;
  double sample_max_value = 1.0;
  TimestepSpacing timestep_spacing = TimestepSpacing::leading;
  bool rescale_betas_zero_snr = false;
  bool use_clipped_model_output = false;  ///< in diffusers an argument of `step`
  /// VideoCrafter's dynamic rescale: what the clean signal is multiplied by at each training
  /// timestep, x_t = sqrt(abar_t) dynamic_rescale[t] x_0 + sqrt(1 - abar_t) noise, in the steps and
  /// in `add_noise`. Above 0; empty: 1 everywhere.
  std::vector<double> dynamic_rescale{};
  /// Each step draws its noise even where eta is 0 and the noise has no effect, so that what is
  /// drawn later is what VideoCrafter draws.
  bool always_draw_noise = false;

  /// Throws Error: invalid_argument for everything that could only fail later.
  FREEINIT_API void validate() const;
};

/// DDIM (arXiv 2010.02502) with the numbers of diffusers 0.42.1, every option included, or with
/// those of VideoCrafter (`uniform`, `dynamic_rescale`, `always_draw_noise`).
class FREEINIT_API DdimScheduler final : public Scheduler {
 public:
  /// Throws Error: invalid_argument for a configuration that `validate` refuses, or whose betas
  /// leave no noise or no signal in float32.
  explicit DdimScheduler(const DdimConfig& config);

  [[nodiscard]] const DdimConfig& config() const noexcept { return config_; }
  /// abar_t for t = 0 .. num_train_timesteps - 1, the float32 values of diffusers as doubles.
  [[nodiscard]] const std::vector<double>& alphas_cumprod() const noexcept {
    return alphas_cumprod_;
  }

  [[nodiscard]] std::int64_t num_train_timesteps() const noexcept override;
  [[nodiscard]] std::unique_ptr<const Trajectory> trajectory(std::int64_t num_inference_steps,
                                                             double eta = 0.0) const override;
  [[nodiscard]] at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                                     std::int64_t timestep) const override;
  [[nodiscard]] at::Tensor add_noise_between(const at::Tensor& sample, const at::Tensor& noise,
                                             std::int64_t from, std::int64_t to) const override;

  /// The deterministic way back from a sample to its noise, with the numbers of diffusers'
  /// `DDIMInverseScheduler`. Its `step` draws no noise. Throws Error: invalid_argument.
  [[nodiscard]] std::unique_ptr<const Trajectory> inverse_trajectory(
      std::int64_t num_inference_steps) const;

 private:
  DdimConfig config_;
  std::vector<double> alphas_cumprod_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/numerics/ddim_scheduler_inl.hpp>
#endif
