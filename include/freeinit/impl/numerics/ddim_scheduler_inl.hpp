#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/impl/numerics/ddim_tables_inl.hpp>
#include <freeinit/impl/numerics/ddim_trajectory_inl.hpp>
#include <freeinit/numerics/ddim_scheduler.hpp>

#include <ATen/ops/scalar_tensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<BetaSchedule, 3> kBetaScheduleNames{{
    {"linear", BetaSchedule::linear},
    {"scaled_linear", BetaSchedule::scaled_linear},
    {"squaredcos_cap_v2", BetaSchedule::squaredcos_cap_v2},
}};
inline constexpr NameTable<PredictionType, 3> kPredictionTypeNames{{
    {"epsilon", PredictionType::epsilon},
    {"sample", PredictionType::sample},
    {"v_prediction", PredictionType::v_prediction},
}};
inline constexpr NameTable<TimestepSpacing, 4> kTimestepSpacingNames{{
    {"leading", TimestepSpacing::leading},
    {"linspace", TimestepSpacing::linspace},
    {"trailing", TimestepSpacing::trailing},
    {"uniform", TimestepSpacing::uniform},
}};

FREEINIT_INLINE void check_setting(bool good, const char* name, double value,
                                   const char* expected) {
  if (good) return;
  raise(ErrorCode::invalid_argument,
        c10::str(name, " '", value, "': outside its range; expected ", expected));
}

FREEINIT_INLINE bool is_beta(double value) {
  return value > 0.0 && value <= 1.0;
}

FREEINIT_INLINE void check_timestep(std::int64_t timestep, std::int64_t count) {
  if (timestep >= 0 && timestep < count) return;
  raise(ErrorCode::invalid_argument,
        c10::str("timestep '", timestep, "': outside the schedule; expected 0 to ", count - 1));
}

FREEINIT_INLINE DdimStepRules step_rules(const DdimConfig& config) {
  return {.prediction_type = config.prediction_type,
          .thresholding = config.thresholding,
          .thresholding_ratio = config.dynamic_thresholding_ratio,
          .thresholding_maximum = config.sample_max_value,
          .clip = config.clip_sample,
          .clip_range = config.clip_sample_range,
          .use_clipped_model_output = config.use_clipped_model_output};
}

FREEINIT_INLINE void check_floating_point(const char* name, const at::Tensor& tensor) {
  if (tensor.is_floating_point()) return;
  raise(ErrorCode::invalid_argument, c10::str(name, " '", tensor.scalar_type(),
                                              "': wrong dtype; expected a floating point one"));
}

/// The level at timestep `t`; below the first timestep it is the first one, without any noise if
/// `set_alpha_to_one`.
FREEINIT_INLINE NoiseLevel level_at(const DdimConfig& config,
                                    const std::vector<double>& alphas_cumprod, std::int64_t t) {
  const auto place = static_cast<std::size_t>(std::max<std::int64_t>(t, 0));
  const bool clean = t < 0 && config.set_alpha_to_one;
  return {.alpha = clean ? 1.0 : alphas_cumprod[place],
          .scale = config.dynamic_rescale.empty() ? 1.0 : config.dynamic_rescale[place]};
}

/// One value for each training timestep, or none.
FREEINIT_INLINE void check_table_size(const char* name, const std::vector<double>& table,
                                      std::int64_t count) {
  if (table.empty() || static_cast<std::int64_t>(table.size()) == count) return;
  raise(ErrorCode::invalid_argument,
        c10::str(name, " of '", table.size(),
                 "' values: wrong number; expected num_train_timesteps, ", count));
}

/// A level without any signal has no x_0 to divide out of a noise prediction; clipping makes the
/// infinite result usable, as in the reference.
FREEINIT_INLINE void check_signal(const DdimConfig& config, double alpha, std::int64_t timestep) {
  if (alpha > 0.0 || config.prediction_type != PredictionType::epsilon) return;
  if (config.thresholding || config.clip_sample) return;
  raise(ErrorCode::invalid_argument,
        c10::str("timestep '", timestep,
                 "': holds no signal (rescale_betas_zero_snr), so epsilon "
                 "prediction divides by 0; expected v_prediction, sample or clip_sample"));
}

}  // namespace detail

FREEINIT_INLINE BetaSchedule beta_schedule_from_string(std::string_view name) {
  return value_from_name("beta schedule", name, detail::kBetaScheduleNames);
}

FREEINIT_INLINE PredictionType prediction_type_from_string(std::string_view name) {
  return value_from_name("prediction type", name, detail::kPredictionTypeNames);
}

FREEINIT_INLINE TimestepSpacing timestep_spacing_from_string(std::string_view name) {
  return value_from_name("timestep spacing", name, detail::kTimestepSpacingNames);
}

FREEINIT_INLINE void DdimConfig::validate() const {
  using detail::check_setting;
  check_setting(num_train_timesteps >= 1 && num_train_timesteps <= 1'000'000, "num_train_timesteps",
                static_cast<double>(num_train_timesteps), "1 to 1000000");
  check_setting(detail::is_beta(beta_start), "beta_start", beta_start, "above 0, at most 1");
  check_setting(detail::is_beta(beta_end), "beta_end", beta_end, "above 0, at most 1");
  check_setting(steps_offset >= 0 && steps_offset < num_train_timesteps, "steps_offset",
                static_cast<double>(steps_offset), "0 to num_train_timesteps - 1");
  check_setting(clip_sample_range > 0.0 && std::isfinite(clip_sample_range), "clip_sample_range",
                clip_sample_range, "a finite number above 0");
  check_setting(dynamic_thresholding_ratio >= 0.0 && dynamic_thresholding_ratio <= 1.0,
                "dynamic_thresholding_ratio", dynamic_thresholding_ratio, "0 to 1");
  check_setting(sample_max_value > 0.0 && std::isfinite(sample_max_value), "sample_max_value",
                sample_max_value, "a finite number above 0");
  detail::check_table_size("trained_betas", trained_betas, num_train_timesteps);
  detail::check_table_size("dynamic_rescale", dynamic_rescale, num_train_timesteps);
  for (const double beta : trained_betas) {
    check_setting(detail::is_beta(beta), "trained_betas", beta, "values above 0, at most 1");
  }
  for (const double scale : dynamic_rescale) {
    check_setting(scale > 0.0 && std::isfinite(scale), "dynamic_rescale", scale,
                  "finite values above 0");
  }
  if (!dynamic_rescale.empty() && prediction_type == PredictionType::v_prediction) {
    raise(ErrorCode::invalid_argument,
          "dynamic_rescale with v_prediction: v is not defined for a rescaled signal; expected "
          "epsilon or sample");
  }
  check_setting(!rescale_betas_zero_snr || num_train_timesteps > 1, "num_train_timesteps",
                static_cast<double>(num_train_timesteps), "at least 2 with rescale_betas_zero_snr");
}

FREEINIT_INLINE DdimScheduler::DdimScheduler(const DdimConfig& config) : config_(config) {
  config_.validate();
  alphas_cumprod_ = detail::make_alphas_cumprod(config_);
  detail::check_alphas_cumprod(alphas_cumprod_);
}

FREEINIT_INLINE std::int64_t DdimScheduler::num_train_timesteps() const noexcept {
  return config_.num_train_timesteps;
}

FREEINIT_INLINE std::unique_ptr<const Trajectory> DdimScheduler::trajectory(
    std::int64_t num_inference_steps, double eta) const {
  detail::check_setting(eta >= 0.0 && eta <= 1.0, "eta", eta, "0 to 1");
  std::vector<std::int64_t> timesteps = detail::make_timesteps(config_, num_inference_steps);
  // The same distance for every spacing, although only `leading` steps by it: so does diffusers.
  const std::int64_t distance = config_.num_train_timesteps / num_inference_steps;
  std::vector<detail::NoiseLevel> from;
  std::vector<detail::NoiseLevel> to;
  for (const std::int64_t t : timesteps) {
    from.push_back(detail::level_at(config_, alphas_cumprod_, t));
    to.push_back(detail::level_at(config_, alphas_cumprod_, t - distance));
    detail::check_signal(config_, from.back().alpha, t);
  }
  auto coefficients =
      detail::ddim_coefficients(from, to, eta, eta > 0.0 || config_.always_draw_noise);
  return std::make_unique<detail::DdimTrajectory>(std::move(timesteps), std::move(coefficients),
                                                  detail::step_rules(config_));
}

FREEINIT_INLINE std::unique_ptr<const Trajectory> DdimScheduler::inverse_trajectory(
    std::int64_t num_inference_steps) const {
  if (config_.timestep_spacing == TimestepSpacing::linspace) {
    raise(ErrorCode::invalid_argument,
          "timestep spacing 'linspace': not known to DDIM inversion; expected leading or trailing");
  }
  std::vector<std::int64_t> timesteps = detail::make_timesteps(config_, num_inference_steps);
  std::reverse(timesteps.begin(), timesteps.end());
  const std::int64_t distance = config_.num_train_timesteps / num_inference_steps;
  std::vector<detail::NoiseLevel> from;
  std::vector<detail::NoiseLevel> to;
  for (const std::int64_t t : timesteps) {
    from.push_back(detail::level_at(config_, alphas_cumprod_, t - distance));
    to.push_back(detail::level_at(config_, alphas_cumprod_, t));
    if (from.back().alpha == 1.0 && config_.prediction_type == PredictionType::sample) {
      raise(ErrorCode::invalid_argument,
            "prediction type 'sample' with set_alpha_to_one: inversion starts at a level without "
            "noise and divides by 0; expected set_alpha_to_one = false");
    }
  }
  detail::DdimStepRules rules = detail::step_rules(config_);
  rules.thresholding = false;  // neither option exists in the inverse of diffusers
  rules.use_clipped_model_output = false;
  return std::make_unique<detail::DdimTrajectory>(
      std::move(timesteps), detail::ddim_coefficients(from, to, /*eta=*/0.0, /*draws_noise=*/false),
      rules);
}

FREEINIT_INLINE at::Tensor DdimScheduler::add_noise(const at::Tensor& original,
                                                    const at::Tensor& noise,
                                                    std::int64_t timestep) const {
  detail::check_timestep(timestep, num_train_timesteps());
  detail::check_same_kind("noise", noise, original);
  detail::check_floating_point("original", original);
  // Host tensors of the latents' dtype: every operation below rounds to it, as in the reference.
  const at::Tensor alpha = at::scalar_tensor(alphas_cumprod_[static_cast<std::size_t>(timestep)],
                                             original.scalar_type());
  const double root_alpha = alpha.sqrt().item<double>();
  const double root_beta = alpha.neg().add(1.0).sqrt().item<double>();
  const double scale = detail::level_at(config_, alphas_cumprod_, timestep).scale;
  return original.mul(root_alpha * scale).add_(noise.mul(root_beta));
}

FREEINIT_INLINE at::Tensor DdimScheduler::add_noise_between(const at::Tensor& sample,
                                                            const at::Tensor& noise,
                                                            std::int64_t from,
                                                            std::int64_t to) const {
  detail::check_timestep(from, num_train_timesteps());
  detail::check_timestep(to, num_train_timesteps());
  if (to < from) {
    raise(ErrorCode::invalid_argument,
          c10::str("timestep '", to, "': noise is only added; expected ", from, " or later"));
  }
  detail::check_same_kind("noise", noise, sample);
  detail::check_floating_point("sample", sample);
  if (to == from) return sample.clone();  // also where the level holds no signal to divide by
  const detail::NoiseLevel low = detail::level_at(config_, alphas_cumprod_, from);
  const detail::NoiseLevel high = detail::level_at(config_, alphas_cumprod_, to);
  // Takes the signal from one level to the other; the new noise fills up what the old one lacks.
  const double kept = std::sqrt(high.alpha / low.alpha) * (high.scale / low.scale);
  const double spread = 1.0 - high.alpha - kept * kept * (1.0 - low.alpha);
  return sample.mul(kept).add_(noise.mul(std::sqrt(std::max(spread, 0.0))));
}

}  // namespace freeinit::inline FREEINIT_ABI
