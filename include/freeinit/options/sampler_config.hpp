#pragma once

#include <freeinit/core/config.hpp>

#include <cstdint>
#include <optional>
#include <string>
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

/// How the noise levels of samplers that count in sigma lie between the noisiest and the cleanest:
/// where the timesteps put them, or by the rules of Karras (arXiv 2206.00364, rho 7), of equal
/// ratios, or of the beta distribution (0.6, 0.6; arXiv 2407.12173).
enum class SigmaSpacing { timesteps, karras, exponential, beta };

/// Where the last step arrives: at no noise, or at the level of the first training timestep.
enum class FinalSigma { zero, sigma_min };

/// `midpoint`, `heun`: the second order of DPM-Solver++. `bh1`, `bh2`: the B(h) of UniPC.
enum class SolverType { midpoint, heun, bh1, bh2 };

/// DPM-Solver++ along the probability flow, or with noise in each step.
enum class AlgorithmType { dpmsolver_pp, sde_dpmsolver_pp };

///@{
/// Names as in diffusers' configuration files, and `uniform`. Throw Error: invalid_argument with
/// the known names.
[[nodiscard]] FREEINIT_API BetaSchedule beta_schedule_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(BetaSchedule schedule) noexcept;
[[nodiscard]] FREEINIT_API PredictionType prediction_type_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(PredictionType type) noexcept;
[[nodiscard]] FREEINIT_API TimestepSpacing timestep_spacing_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(TimestepSpacing spacing) noexcept;
[[nodiscard]] FREEINIT_API SigmaSpacing sigma_spacing_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(SigmaSpacing spacing) noexcept;
[[nodiscard]] FREEINIT_API FinalSigma final_sigma_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(FinalSigma type) noexcept;
[[nodiscard]] FREEINIT_API SolverType solver_type_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(SolverType type) noexcept;
[[nodiscard]] FREEINIT_API AlgorithmType algorithm_type_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(AlgorithmType type) noexcept;
///@}

/// A noise schedule and the sampler that walks it: the settings of diffusers' schedulers, same
/// names, same defaults as its `DDIMScheduler`, and two that only VideoCrafter's sampler has.
struct SamplerConfig {
  std::string sampler = "ddim";  ///< a name of the sampler table

  std::int64_t num_train_timesteps = 1000;  ///< N: levels of noise the model was trained on
  double beta_start = 0.0001;               ///< noise added at the first level
  double beta_end = 0.02;                   ///< noise added at the last level
  BetaSchedule beta_schedule = BetaSchedule::linear;  ///< how betas grow between the two
  std::vector<double> trained_betas{};                ///< replaces the schedule when not empty
  bool clip_sample = true;                            ///< whether each clean prediction is clipped
  double clip_sample_range = 1.0;                     ///< to -range..range
  bool set_alpha_to_one = true;   ///< the last step arrives at no noise, not at level 0
  std::int64_t steps_offset = 0;  ///< added to each timestep: 1 for Stable Diffusion's
  PredictionType prediction_type = PredictionType::epsilon;  ///< what the network predicts
  bool thresholding = false;  ///< whether each clean prediction is scaled down by its own quantile
  double dynamic_thresholding_ratio = 0.995;  ///< the quantile, 0 to 1
  double sample_max_value = 1.0;              ///< the most that is left of the quantile
  /// Which timesteps the steps stand at.
  TimestepSpacing timestep_spacing = TimestepSpacing::leading;
  bool rescale_betas_zero_snr = false;    ///< the last level becomes noise alone (arXiv 2305.08891)
  bool use_clipped_model_output = false;  ///< in diffusers an argument of `step`
  /// VideoCrafter's dynamic rescale: what the clean signal is multiplied by at each training
  /// timestep, x_t = sqrt(abar_t) dynamic_rescale[t] x_0 + sqrt(1 - abar_t) noise, in the steps and
  /// in `add_noise`. Above 0; empty: 1 everywhere.
  std::vector<double> dynamic_rescale{};
  /// Each step draws its noise even where eta is 0 and the noise has no effect, so that what is
  /// drawn later is what VideoCrafter draws.
  bool always_draw_noise = false;

  /// Samplers in sigma space; diffusers' `use_karras_sigmas` and its two neighbours.
  SigmaSpacing sigma_spacing = SigmaSpacing::timesteps;
  FinalSigma final_sigmas_type = FinalSigma::zero;             ///< euler, dpmsolver++, unipc
  std::int64_t solver_order = 2;                               ///< dpmsolver++, unipc: 1 to 3
  AlgorithmType algorithm_type = AlgorithmType::dpmsolver_pp;  ///< dpmsolver++
  std::optional<SolverType> solver_type{};  ///< absent: midpoint for dpmsolver++, bh2 for unipc
  bool lower_order_final = true;            ///< dpmsolver++, unipc: the last steps look less back
  bool euler_at_final = false;              ///< dpmsolver++: the last step is of order 1
  bool predict_x0 = true;                   ///< unipc: extrapolates the clean sample, not the noise
  std::int64_t original_inference_steps = 50;  ///< lcm, tcd: the grid of the distillation
  double timestep_scaling = 10.0;              ///< lcm

  /// Throws Error: invalid_argument for everything that could only fail later.
  FREEINIT_API void validate() const;

  friend bool operator==(const SamplerConfig&, const SamplerConfig&) = default;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/options/sampler_config_inl.hpp>
#endif
