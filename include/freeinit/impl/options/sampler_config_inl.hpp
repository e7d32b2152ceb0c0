#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/options/sampler_config.hpp>

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
inline constexpr NameTable<SigmaSpacing, 4> kSigmaSpacingNames{{
    {"timesteps", SigmaSpacing::timesteps},
    {"karras", SigmaSpacing::karras},
    {"exponential", SigmaSpacing::exponential},
    {"beta", SigmaSpacing::beta},
}};
inline constexpr NameTable<FinalSigma, 2> kFinalSigmaNames{{
    {"zero", FinalSigma::zero},
    {"sigma_min", FinalSigma::sigma_min},
}};
inline constexpr NameTable<SolverType, 4> kSolverTypeNames{{
    {"midpoint", SolverType::midpoint},
    {"heun", SolverType::heun},
    {"bh1", SolverType::bh1},
    {"bh2", SolverType::bh2},
}};
inline constexpr NameTable<AlgorithmType, 2> kAlgorithmTypeNames{{
    {"dpmsolver++", AlgorithmType::dpmsolver_pp},
    {"sde-dpmsolver++", AlgorithmType::sde_dpmsolver_pp},
}};

FREEINIT_INLINE bool is_beta(double value) {
  return value > 0.0 && value <= 1.0;
}

/// One value for each training timestep, or none.
FREEINIT_INLINE void check_table_size(const char* name, const std::vector<double>& table,
                                      std::int64_t count) {
  if (table.empty() || static_cast<std::int64_t>(table.size()) == count) return;
  raise(ErrorCode::invalid_argument,
        concat(name, " of '", table.size(),
               "' values: wrong number; expected num_train_timesteps, ", count));
}

}  // namespace detail

FREEINIT_INLINE BetaSchedule beta_schedule_from_string(std::string_view name) {
  return value_from_name("beta schedule", name, detail::kBetaScheduleNames);
}

FREEINIT_INLINE std::string_view to_string(BetaSchedule schedule) noexcept {
  return name_of_value(schedule, detail::kBetaScheduleNames);
}

FREEINIT_INLINE PredictionType prediction_type_from_string(std::string_view name) {
  return value_from_name("prediction type", name, detail::kPredictionTypeNames);
}

FREEINIT_INLINE std::string_view to_string(PredictionType type) noexcept {
  return name_of_value(type, detail::kPredictionTypeNames);
}

FREEINIT_INLINE TimestepSpacing timestep_spacing_from_string(std::string_view name) {
  return value_from_name("timestep spacing", name, detail::kTimestepSpacingNames);
}

FREEINIT_INLINE std::string_view to_string(TimestepSpacing spacing) noexcept {
  return name_of_value(spacing, detail::kTimestepSpacingNames);
}

FREEINIT_INLINE SigmaSpacing sigma_spacing_from_string(std::string_view name) {
  return value_from_name("sigma spacing", name, detail::kSigmaSpacingNames);
}

FREEINIT_INLINE std::string_view to_string(SigmaSpacing value) noexcept {
  return name_of_value(value, detail::kSigmaSpacingNames);
}

FREEINIT_INLINE FinalSigma final_sigma_from_string(std::string_view name) {
  return value_from_name("final sigma", name, detail::kFinalSigmaNames);
}

FREEINIT_INLINE std::string_view to_string(FinalSigma value) noexcept {
  return name_of_value(value, detail::kFinalSigmaNames);
}

FREEINIT_INLINE SolverType solver_type_from_string(std::string_view name) {
  return value_from_name("solver type", name, detail::kSolverTypeNames);
}

FREEINIT_INLINE std::string_view to_string(SolverType value) noexcept {
  return name_of_value(value, detail::kSolverTypeNames);
}

FREEINIT_INLINE AlgorithmType algorithm_type_from_string(std::string_view name) {
  return value_from_name("algorithm type", name, detail::kAlgorithmTypeNames);
}

FREEINIT_INLINE std::string_view to_string(AlgorithmType value) noexcept {
  return name_of_value(value, detail::kAlgorithmTypeNames);
}

FREEINIT_INLINE void SamplerConfig::validate() const {
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
  check_between("solver_order", solver_order, 1, 3);
  check_at_least("original_inference_steps", original_inference_steps, 1);
  check_setting(timestep_scaling > 0.0 && std::isfinite(timestep_scaling), "timestep_scaling",
                timestep_scaling, "a finite number above 0");
  if (!dynamic_rescale.empty() && prediction_type == PredictionType::v_prediction) {
    raise(ErrorCode::invalid_argument,
          "dynamic_rescale with v_prediction: v is not defined for a rescaled signal; expected "
          "epsilon or sample");
  }
  check_setting(!rescale_betas_zero_snr || num_train_timesteps > 1, "num_train_timesteps",
                static_cast<double>(num_train_timesteps), "at least 2 with rescale_betas_zero_snr");
}

}  // namespace freeinit::inline FREEINIT_ABI
