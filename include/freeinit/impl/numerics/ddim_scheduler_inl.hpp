#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/numerics/ddim_tables_inl.hpp>
#include <freeinit/impl/numerics/ddim_trajectory_inl.hpp>
#include <freeinit/impl/numerics/named_value_inl.hpp>
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
inline constexpr NameTable<TimestepSpacing, 3> kTimestepSpacingNames{{
    {"leading", TimestepSpacing::leading},
    {"linspace", TimestepSpacing::linspace},
    {"trailing", TimestepSpacing::trailing},
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

/// abar at timestep `t`; below the first timestep it is `before`.
FREEINIT_INLINE double level_at(const std::vector<double>& alphas_cumprod, std::int64_t t,
                                double before) {
  return t >= 0 ? alphas_cumprod[static_cast<std::size_t>(t)] : before;
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
  return detail::value_from_name("beta schedule", name, detail::kBetaScheduleNames);
}

FREEINIT_INLINE PredictionType prediction_type_from_string(std::string_view name) {
  return detail::value_from_name("prediction type", name, detail::kPredictionTypeNames);
}

FREEINIT_INLINE TimestepSpacing timestep_spacing_from_string(std::string_view name) {
  return detail::value_from_name("timestep spacing", name, detail::kTimestepSpacingNames);
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
  if (!trained_betas.empty() &&
      static_cast<std::int64_t>(trained_betas.size()) != num_train_timesteps) {
    raise(ErrorCode::invalid_argument,
          c10::str("trained_betas of '", trained_betas.size(),
                   "' values: wrong number; expected num_train_timesteps, ", num_train_timesteps));
  }
  for (const double beta : trained_betas) {
    check_setting(detail::is_beta(beta), "trained_betas", beta, "values above 0, at most 1");
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
  const double last = config_.set_alpha_to_one ? 1.0 : alphas_cumprod_.front();
  std::vector<double> from;
  std::vector<double> to;
  for (const std::int64_t t : timesteps) {
    from.push_back(detail::level_at(alphas_cumprod_, t, last));
    to.push_back(detail::level_at(alphas_cumprod_, t - distance, last));
    detail::check_signal(config_, from.back(), t);
  }
  return std::make_unique<detail::DdimTrajectory>(
      std::move(timesteps), detail::ddim_coefficients(from, to, eta), detail::step_rules(config_));
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
  const double first = config_.set_alpha_to_one ? 1.0 : alphas_cumprod_.front();
  std::vector<double> from;
  std::vector<double> to;
  for (const std::int64_t t : timesteps) {
    from.push_back(detail::level_at(alphas_cumprod_, t - distance, first));
    to.push_back(detail::level_at(alphas_cumprod_, t, first));
    if (from.back() == 1.0 && config_.prediction_type == PredictionType::sample) {
      raise(ErrorCode::invalid_argument,
            "prediction type 'sample' with set_alpha_to_one: inversion starts at a level without "
            "noise and divides by 0; expected set_alpha_to_one = false");
    }
  }
  detail::DdimStepRules rules = detail::step_rules(config_);
  rules.thresholding = false;  // neither option exists in the inverse of diffusers
  rules.use_clipped_model_output = false;
  return std::make_unique<detail::DdimTrajectory>(
      std::move(timesteps), detail::ddim_coefficients(from, to, /*eta=*/0.0), rules);
}

FREEINIT_INLINE at::Tensor DdimScheduler::add_noise(const at::Tensor& original,
                                                    const at::Tensor& noise,
                                                    std::int64_t timestep) const {
  detail::check_timestep(timestep, num_train_timesteps());
  detail::check_same_kind("noise", noise, original);
  if (!original.is_floating_point()) {
    raise(ErrorCode::invalid_argument, c10::str("original '", original.scalar_type(),
                                                "': wrong dtype; expected a floating point one"));
  }
  // Host tensors of the latents' dtype: every operation below rounds to it, as in the reference.
  const at::Tensor alpha = at::scalar_tensor(alphas_cumprod_[static_cast<std::size_t>(timestep)],
                                             original.scalar_type());
  const double root_alpha = alpha.sqrt().item<double>();
  const double root_beta = alpha.neg().add(1.0).sqrt().item<double>();
  return original.mul(root_alpha).add_(noise.mul(root_beta));
}

}  // namespace freeinit::inline FREEINIT_ABI
