#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/sampling/betas_inl.hpp>
#include <freeinit/impl/sampling/latents_check_inl.hpp>
#include <freeinit/impl/sampling/step_grid_inl.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_timestep(std::int64_t timestep, std::int64_t count) {
  if (timestep >= 0 && timestep < count) return;
  raise(ErrorCode::invalid_argument,
        c10::str("timestep '", timestep, "': outside the schedule; expected 0 to ", count - 1));
}

}  // namespace detail

FREEINIT_INLINE NoiseSchedule::NoiseSchedule(const SamplerConfig& config) : config_(config) {
  config_.validate();
  alphas_cumprod_ = detail::make_alphas_cumprod(config_);
  detail::check_alphas_cumprod(alphas_cumprod_);
}

FREEINIT_INLINE std::vector<double> NoiseSchedule::sigmas() const {
  const at::Tensor alphas = at::tensor(alphas_cumprod_, at::kFloat);
  const at::Tensor sigmas = alphas.neg().add(1.0).div(alphas).sqrt();
  const float* const values = sigmas.const_data_ptr<float>();
  return {values, values + sigmas.numel()};
}

FREEINIT_INLINE NoiseLevel NoiseSchedule::level(std::int64_t t) const {
  const auto place = static_cast<std::size_t>(std::max<std::int64_t>(t, 0));
  const bool clean = t < 0 && config_.set_alpha_to_one;
  return {.alpha = clean ? 1.0 : alphas_cumprod_[place],
          .scale = config_.dynamic_rescale.empty() ? 1.0 : config_.dynamic_rescale[place]};
}

FREEINIT_INLINE std::vector<std::int64_t> NoiseSchedule::timesteps(
    std::int64_t num_inference_steps) const {
  return detail::make_timesteps(config_, num_inference_steps);
}

FREEINIT_INLINE at::Tensor NoiseSchedule::add_noise(const at::Tensor& original,
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
  const double scale = level(timestep).scale;
  return original.mul(root_alpha * scale).add_(noise.mul(root_beta));
}

FREEINIT_INLINE at::Tensor NoiseSchedule::add_noise_between(const at::Tensor& sample,
                                                            const at::Tensor& noise,
                                                            std::int64_t from,
                                                            std::int64_t to) const {
  detail::check_timestep(from, num_train_timesteps());
  detail::check_timestep(to, num_train_timesteps());
  if (to < from) {
    raise(ErrorCode::invalid_argument,
          c10::str("timestep '", to, "': noise is only added; expected ", from, " or later"));
  }
  return add_noise_from(sample, noise, level(from), level(to));
}

FREEINIT_INLINE at::Tensor NoiseSchedule::add_noise_from(const at::Tensor& sample,
                                                         const at::Tensor& noise,
                                                         const NoiseLevel& low,
                                                         const NoiseLevel& high) {
  detail::check_same_kind("noise", noise, sample);
  detail::check_floating_point("sample", sample);
  // Also where the level holds no signal to divide by.
  if (low.alpha <= high.alpha) return sample.clone();
  // Takes the signal from one level to the other; the new noise fills up what the old one lacks.
  const double kept = std::sqrt(high.alpha / low.alpha) * (high.scale / low.scale);
  const double spread = 1.0 - high.alpha - kept * kept * (1.0 - low.alpha);
  return sample.mul(kept).add_(noise.mul(std::sqrt(std::max(spread, 0.0))));
}

}  // namespace freeinit::inline FREEINIT_ABI
