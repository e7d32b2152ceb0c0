#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/sampling/sampler_table.hpp>
#include <freeinit/sampling/samplers/ddim.hpp>
#include <freeinit/sampling/samplers/dpmsolver.hpp>
#include <freeinit/sampling/samplers/euler.hpp>
#include <freeinit/sampling/samplers/euler_ancestral.hpp>
#include <freeinit/sampling/samplers/heun.hpp>
#include <freeinit/sampling/samplers/lcm.hpp>
#include <freeinit/sampling/samplers/pndm.hpp>
#include <freeinit/sampling/samplers/tcd.hpp>
#include <freeinit/sampling/samplers/unipc.hpp>

#include <array>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Groups of settings that only some samplers use.
enum SamplerUses : unsigned {
  kSpacing = 1U << 0U,       ///< timestep_spacing
  kThresholding = 1U << 1U,  ///< thresholding
  kZeroSnr = 1U << 2U,       ///< rescale_betas_zero_snr
  kSigmas = 1U << 3U,        ///< sigma_spacing
  kFinalSigma = 1U << 4U,    ///< final_sigmas_type
  kMultistep = 1U << 5U,     ///< solver_order, solver_type, lower_order_final
  kDpm = 1U << 6U,           ///< algorithm_type, euler_at_final
  kPredictX0 = 1U << 7U,     ///< predict_x0
  kDistilled = 1U << 8U,     ///< original_inference_steps
  kScaling = 1U << 9U,       ///< timestep_scaling
  kDdim = 1U << 10U,         ///< VideoCrafter's settings, use_clipped_model_output
};

inline constexpr std::array<SamplerRow, 9> kSamplers{{
    {"ddim", "DDIMScheduler", make_ddim, kSpacing | kThresholding | kZeroSnr | kDdim,
     /*uses_eta=*/true},
    {"pndm", "PNDMScheduler", make_pndm, kSpacing},
    {"euler", "EulerDiscreteScheduler", make_euler, kSpacing | kZeroSnr | kSigmas | kFinalSigma},
    {"euler-ancestral", "EulerAncestralDiscreteScheduler", make_euler_ancestral,
     kSpacing | kZeroSnr},
    {"heun", "HeunDiscreteScheduler", make_heun, kSpacing | kSigmas},
    {"dpmsolver++", "DPMSolverMultistepScheduler", make_dpmsolver,
     kSpacing | kThresholding | kZeroSnr | kSigmas | kFinalSigma | kMultistep | kDpm},
    {"unipc", "UniPCMultistepScheduler", make_unipc,
     kSpacing | kThresholding | kZeroSnr | kSigmas | kFinalSigma | kMultistep | kPredictX0},
    {"lcm", "LCMScheduler", make_lcm, kThresholding | kZeroSnr | kDistilled | kScaling},
    {"tcd", "TCDScheduler", make_tcd, kZeroSnr | kDistilled, /*uses_eta=*/true},
}};

/// Refuses a setting that has not its default although the sampler does not use it.
FREEINIT_INLINE void check_settings(const SamplerRow& row, const SamplerConfig& config) {
  const SamplerConfig plain;
  const auto check = [&row](unsigned use, bool is_default, std::string_view name) {
    if (is_default || (row.uses & use) != 0) return;
    raise(ErrorCode::invalid_argument,
          concat(name, ": not known to sampler ", quote(row.name), "; expected its default"));
  };
  check(kDdim, config.timestep_spacing != TimestepSpacing::uniform, "timestep_spacing 'uniform'");
  check(kDdim, config.dynamic_rescale.empty(), "dynamic_rescale");
  check(kDdim, !config.always_draw_noise, "always_draw_noise");
  check(kDdim, !config.use_clipped_model_output, "use_clipped_model_output");
  check(kThresholding, !config.thresholding, "thresholding");
  check(kZeroSnr, !config.rescale_betas_zero_snr, "rescale_betas_zero_snr");
  check(kSigmas, config.sigma_spacing == plain.sigma_spacing,
        concat("sigma spacing ", quote(to_string(config.sigma_spacing))));
  check(kFinalSigma, config.final_sigmas_type == plain.final_sigmas_type, "final_sigmas_type");
  check(kMultistep, config.solver_order == plain.solver_order, "solver_order");
  check(kMultistep, !config.solver_type, "solver_type");
  check(kMultistep, config.lower_order_final, "lower_order_final");
  check(kDpm, config.algorithm_type == plain.algorithm_type, "algorithm_type");
  check(kDpm, !config.euler_at_final, "euler_at_final");
  check(kPredictX0, config.predict_x0, "predict_x0");
  check(kDistilled, config.original_inference_steps == plain.original_inference_steps,
        "original_inference_steps");
  check(kScaling, config.timestep_scaling == plain.timestep_scaling, "timestep_scaling");
}

}  // namespace detail

FREEINIT_INLINE std::span<const SamplerRow> sampler_table() noexcept {
  return detail::kSamplers;
}

FREEINIT_INLINE const SamplerRow& find_sampler(std::string_view name) {
  std::string known;
  for (const SamplerRow& row : detail::kSamplers) {
    if (name == row.name || name == row.class_name) return row;
    known.append(known.empty() ? "" : ", ").append(row.name);
  }
  raise(ErrorCode::invalid_argument,
        concat("sampler ", quote(name), ": unknown; expected one of ", known));
}

FREEINIT_INLINE SamplerConfig with_sampler(const SamplerConfig& config, std::string_view name) {
  const SamplerRow& row = find_sampler(name);
  if (find_sampler(config.sampler).name == row.name) return config;
  SamplerConfig other{.sampler = std::string(row.name),
                      .num_train_timesteps = config.num_train_timesteps,
                      .beta_start = config.beta_start,
                      .beta_end = config.beta_end,
                      .beta_schedule = config.beta_schedule,
                      .trained_betas = config.trained_betas,
                      .clip_sample = config.clip_sample,
                      .clip_sample_range = config.clip_sample_range,
                      .set_alpha_to_one = config.set_alpha_to_one,
                      .steps_offset = config.steps_offset,
                      .prediction_type = config.prediction_type,
                      .timestep_spacing = config.timestep_spacing,
                      .rescale_betas_zero_snr = config.rescale_betas_zero_snr,
                      .dynamic_rescale = config.dynamic_rescale};
  // VideoCrafter's grid is diffusers' `leading` wherever the steps divide.
  if (other.timestep_spacing == TimestepSpacing::uniform) {
    other.timestep_spacing = TimestepSpacing::leading;
  }
  return other;
}

FREEINIT_INLINE std::unique_ptr<const Sampler> make_sampler(const NoiseSchedule& schedule,
                                                            std::int64_t num_inference_steps,
                                                            double eta) {
  const SamplerRow& row = find_sampler(schedule.config().sampler);
  detail::check_settings(row, schedule.config());
  return row.make(schedule, num_inference_steps, eta);
}

FREEINIT_INLINE SamplerFactory sampler_factory(const NoiseSchedule& schedule, double eta) {
  return [&schedule, eta](std::int64_t num_inference_steps) {
    return make_sampler(schedule, num_inference_steps, eta);
  };
}

}  // namespace freeinit::inline FREEINIT_ABI
