#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/core/python_power_inl.hpp>
#include <freeinit/options/sampler_config.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/cumprod.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The cosine schedule of GLIDE: in double, stored as float32.
FREEINIT_INLINE at::Tensor cosine_betas(std::int64_t count) {
  const auto alpha_bar = [](double t) {
    return python_power(std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2.0), 2.0);
  };
  std::vector<float> betas;
  const auto n = static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) {
    const double ratio =
        alpha_bar(static_cast<double>(i + 1) / n) / alpha_bar(static_cast<double>(i) / n);
    betas.push_back(static_cast<float>(std::min(1.0 - ratio, 0.999)));
  }
  return at::tensor(betas);
}

/// Shifts and scales sqrt(abar) so that the last one is 0 and the first one stays (arXiv
/// 2305.08891, algorithm 1), in float32.
FREEINIT_INLINE at::Tensor zero_terminal_snr(const at::Tensor& betas) {
  at::Tensor root = at::cumprod(betas.neg().add(1.0), 0).sqrt();
  const at::Tensor first = root[0].clone();
  const at::Tensor last = root[-1].clone();
  root = root.sub(last).mul(first.div(first.sub(last)));
  const at::Tensor alphas_cumprod = root.square();
  const std::int64_t count = alphas_cumprod.size(0);
  const at::Tensor ratios = alphas_cumprod.slice(0, 1).div(alphas_cumprod.slice(0, 0, count - 1));
  return at::cat({alphas_cumprod.slice(0, 0, 1), ratios}).neg().add(1.0);
}

FREEINIT_INLINE at::Tensor make_betas(const SamplerConfig& config) {
  if (!config.trained_betas.empty()) return at::tensor(config.trained_betas, at::kFloat);
  const std::int64_t count = config.num_train_timesteps;
  switch (config.beta_schedule) {
    case BetaSchedule::linear:
      return at::linspace(config.beta_start, config.beta_end, count, at::kFloat);
    case BetaSchedule::scaled_linear:
      return at::linspace(python_power(config.beta_start, 0.5), python_power(config.beta_end, 0.5),
                          count, at::kFloat)
          .square();
    case BetaSchedule::squaredcos_cap_v2:
      return cosine_betas(count);
  }
  raise(ErrorCode::invalid_argument, "beta schedule: not a value of its enumeration");
}

/// abar_t in float32, by the same tensor operations as the reference, so that the bits agree.
FREEINIT_INLINE std::vector<double> make_alphas_cumprod(const SamplerConfig& config) {
  at::Tensor betas = make_betas(config);
  if (config.rescale_betas_zero_snr) betas = zero_terminal_snr(betas);
  const at::Tensor table = at::cumprod(betas.neg().add(1.0), 0);
  const float* const values = table.const_data_ptr<float>();
  return {values, values + table.numel()};
}

/// Only the last level may be 0 (zero terminal signal), and none may be 1: both are divisors.
FREEINIT_INLINE void check_alphas_cumprod(const std::vector<double>& alphas_cumprod) {
  for (std::size_t t = 0; t < alphas_cumprod.size(); ++t) {
    const double value = alphas_cumprod[t];
    const bool last = t + 1 == alphas_cumprod.size();
    if (value < 1.0 && (value > 0.0 || (last && value == 0.0))) continue;
    raise(ErrorCode::invalid_argument,
          c10::str("betas: alphas_cumprod[", t, "] is '", value,
                   "' in float32; expected a value between 0 and 1 (0 only at the last timestep)"));
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
