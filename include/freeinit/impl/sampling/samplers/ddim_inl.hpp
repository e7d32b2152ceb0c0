#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/impl/sampling/latents_check_inl.hpp>
#include <freeinit/impl/sampling/step_math_inl.hpp>
#include <freeinit/sampling/samplers/ddim.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// What one DDIM step multiplies by: float32 host tensors without dimensions, since an operation
/// makes such a tensor of every plain number it is given.
struct DdimCoefficients {
  at::Tensor root_alpha;       ///< sqrt(abar_t), times its scale
  at::Tensor root_beta;        ///< sqrt(1 - abar_t)
  at::Tensor root_alpha_next;  ///< the same for the level the step arrives at
  at::Tensor direction;        ///< sqrt(1 - abar_next - sigma^2)
  at::Tensor sigma;            ///< eta * sqrt(variance)
  bool draws_noise;            ///< the last step draws too, though its sigma is 0
};

/// One member of every level, as float32.
FREEINIT_INLINE at::Tensor column(const std::vector<NoiseLevel>& levels,
                                  double NoiseLevel::*member) {
  std::vector<double> values;
  for (const NoiseLevel& level : levels) values.push_back(level.*member);
  return at::tensor(values, at::kFloat);
}

/// One row for each step from level `from[i]` to level `to[i]`. By tensor operations in
/// float32, as in the reference: LibTorch's square root need not be the correctly rounded one of
/// the C library.
FREEINIT_INLINE std::vector<DdimCoefficients> ddim_coefficients(const std::vector<NoiseLevel>& from,
                                                                const std::vector<NoiseLevel>& to,
                                                                double eta, bool draws_noise) {
  const at::Tensor alpha = column(from, &NoiseLevel::alpha);
  const at::Tensor next = column(to, &NoiseLevel::alpha);
  const at::Tensor beta = alpha.neg().add(1.0);
  const at::Tensor beta_next = next.neg().add(1.0);
  const at::Tensor variance = beta_next.div(beta).mul(alpha.div(next).neg().add(1.0));
  const at::Tensor sigma = eta > 0.0 ? variance.sqrt().mul(eta) : at::zeros_like(alpha);
  // Rounding can push the difference below 0 where it should be 0 (eta 1, zero terminal signal).
  const at::Tensor direction = beta_next.sub(sigma.square()).clamp_min(0.0).sqrt();
  // A scale of 1 changes no bit.
  const at::Tensor root_alpha = alpha.sqrt().mul(column(from, &NoiseLevel::scale));
  const at::Tensor root_next = next.sqrt().mul(column(to, &NoiseLevel::scale));
  const at::Tensor root_beta = beta.sqrt();
  std::vector<DdimCoefficients> coefficients;
  for (std::int64_t i = 0; i < alpha.numel(); ++i) {
    coefficients.push_back({root_alpha.select(0, i), root_beta.select(0, i), root_next.select(0, i),
                            direction.select(0, i), sigma.select(0, i), draws_noise});
  }
  return coefficients;
}

class DdimSampler final : public Sampler {
 public:
  DdimSampler(const SamplerConfig& config, const std::vector<std::int64_t>& timesteps,
              std::vector<NoiseLevel> levels, std::vector<DdimCoefficients> coefficients)
      : config_(config),
        timesteps_(timesteps.begin(), timesteps.end()),
        levels_(std::move(levels)),
        coefficients_(std::move(coefficients)) {}

  [[nodiscard]] std::span<const double> timesteps() const noexcept override { return timesteps_; }
  [[nodiscard]] double init_noise_sigma() const noexcept override { return 1.0; }

  [[nodiscard]] SamplerState start_at(std::int64_t index, const at::Tensor& original,
                                      const at::Tensor& unit_noise) const override {
    const at::NoGradGuard no_grad;
    const DdimCoefficients& c = coefficients_at(index);
    check_same_kind("noise", unit_noise, original);
    return SamplerState(original.mul(c.root_alpha).add_(unit_noise.mul(c.root_beta)), index);
  }

  void step(SamplerState& state, const at::Tensor& model_output,
            NoiseSource& noise) const override {
    const at::NoGradGuard no_grad;
    const DdimCoefficients& c = coefficients_of(state, model_output);
    auto [original, epsilon] = predict(c, model_output, state);
    original = limit(original, state);
    if (config_.use_clipped_model_output) epsilon = noise_between(c, original, state);
    // Products and sums stay apart: a fused multiply-add would round once where the reference
    // rounds twice. All that `next` may share memory with has been read before it is written.
    at::Tensor& next = state.scratch[kNext];
    at::Tensor& product = state.scratch[kProduct];
    scale_to(product, c.direction, epsilon);
    scale_to(next, c.root_alpha_next, original).add_(product);
    if (c.draws_noise) {
      const at::Tensor drawn =
          noise.draw(model_output.sizes(), model_output.scalar_type(), model_output.device());
      next.add_(scale_to(product, c.sigma, drawn));
    }
    state.latents = next;
    ++state.index;
  }

  [[nodiscard]] NoiseLevel level(std::int64_t index) const override {
    (void)coefficients_at(index);
    return levels_[static_cast<std::size_t>(index)];
  }

  [[nodiscard]] at::Tensor pred_original_sample(const SamplerState& state,
                                                const at::Tensor& model_output) const override {
    const at::NoGradGuard no_grad;
    SamplerState own(state.latents, state.index);  // its memory is the result's
    const DdimCoefficients& c = coefficients_of(own, model_output);
    const at::Tensor original = limit(predict(c, model_output, own).original, own);
    return original.is_alias_of(model_output) ? original.clone() : original;
  }

 private:
  /// Places in SamplerState::scratch. `next` is the state's latents after the first step.
  enum Memory : std::size_t { kNext, kOriginal, kEpsilon, kProduct, kMemories };

  struct Prediction {
    at::Tensor original;  ///< x_0
    at::Tensor epsilon;
  };

  [[nodiscard]] const DdimCoefficients& coefficients_at(std::int64_t index) const {
    if (index < 0 || std::cmp_greater_equal(index, coefficients_.size())) {
      raise(ErrorCode::invalid_argument,
            c10::str("step index '", index, "': expected 0 to ", coefficients_.size() - 1));
    }
    return coefficients_[static_cast<std::size_t>(index)];
  }

  /// Checks the step and makes room for its memory.
  [[nodiscard]] const DdimCoefficients& coefficients_of(SamplerState& state,
                                                        const at::Tensor& model_output) const {
    const DdimCoefficients& c = coefficients_at(state.index);
    check_same_kind("model output", model_output, state.latents);
    state.scratch.resize(kMemories);
    return c;
  }

  /// (latents - root_alpha original) / root_beta
  [[nodiscard]] static at::Tensor noise_between(const DdimCoefficients& c,
                                                const at::Tensor& original, SamplerState& state) {
    scale_to(state.scratch[kProduct], c.root_alpha, original);
    at::Tensor& epsilon = fitted(state.scratch[kEpsilon], state.latents);
    return at::sub_out(epsilon, state.latents, state.scratch[kProduct]).div_(c.root_beta);
  }

  /// Writes to the scratch memory; what the network predicts itself stays where it is.
  [[nodiscard]] Prediction predict(const DdimCoefficients& c, const at::Tensor& output,
                                   SamplerState& state) const {
    const at::Tensor& sample = state.latents;
    at::Tensor& original = state.scratch[kOriginal];
    at::Tensor& epsilon = state.scratch[kEpsilon];
    at::Tensor& product = state.scratch[kProduct];
    switch (config_.prediction_type) {
      case PredictionType::epsilon:
        scale_to(product, c.root_beta, output);
        return {at::sub_out(fitted(original, sample), sample, product).div_(c.root_alpha), output};
      case PredictionType::sample:
        return {output, noise_between(c, output, state)};
      case PredictionType::v_prediction:
        scale_to(original, c.root_alpha, sample).sub_(scale_to(product, c.root_beta, output));
        scale_to(epsilon, c.root_alpha, output).add_(scale_to(product, c.root_beta, sample));
        return {original, epsilon};
    }
    raise(ErrorCode::internal, "prediction type: not a value of its enumeration");
  }

  [[nodiscard]] at::Tensor limit(const at::Tensor& original, SamplerState& state) const {
    if (config_.thresholding) {
      return threshold_sample(original, config_.dynamic_thresholding_ratio,
                              config_.sample_max_value);
    }
    if (!config_.clip_sample) return original;
    return at::clamp_out(fitted(state.scratch[kOriginal], original), original,
                         -config_.clip_sample_range, config_.clip_sample_range);
  }

  SamplerConfig config_;
  std::vector<double> timesteps_;
  std::vector<NoiseLevel> levels_;
  std::vector<DdimCoefficients> coefficients_;
};

}  // namespace detail

FREEINIT_INLINE std::unique_ptr<const Sampler> make_ddim(const NoiseSchedule& schedule,
                                                         std::int64_t num_inference_steps,
                                                         double eta) {
  check_setting(eta >= 0.0 && eta <= 1.0, "eta", eta, "0 to 1");
  const std::vector<std::int64_t> timesteps = schedule.timesteps(num_inference_steps);
  // The same distance for every spacing, although only `leading` steps by it: so does diffusers.
  const std::int64_t distance = schedule.num_train_timesteps() / num_inference_steps;
  std::vector<NoiseLevel> from;
  std::vector<NoiseLevel> to;
  for (const std::int64_t t : timesteps) {
    from.push_back(schedule.level(t));
    to.push_back(schedule.level(t - distance));
    detail::check_signal(schedule.config(), schedule.config().clip_sample, from.back().alpha,
                         static_cast<double>(t));
  }
  const bool draws_noise = eta > 0.0 || schedule.config().always_draw_noise;
  return std::make_unique<detail::DdimSampler>(
      schedule.config(), timesteps, from, detail::ddim_coefficients(from, to, eta, draws_noise));
}

FREEINIT_INLINE std::unique_ptr<const Sampler> make_ddim_inverse(const NoiseSchedule& schedule,
                                                                 std::int64_t num_inference_steps) {
  SamplerConfig config = schedule.config();
  if (config.timestep_spacing == TimestepSpacing::linspace) {
    raise(ErrorCode::invalid_argument,
          "timestep spacing 'linspace': not known to DDIM inversion; expected leading or trailing");
  }
  std::vector<std::int64_t> timesteps = schedule.timesteps(num_inference_steps);
  std::reverse(timesteps.begin(), timesteps.end());
  const std::int64_t distance = schedule.num_train_timesteps() / num_inference_steps;
  std::vector<NoiseLevel> from;
  std::vector<NoiseLevel> to;
  for (const std::int64_t t : timesteps) {
    from.push_back(schedule.level(t - distance));
    to.push_back(schedule.level(t));
    if (from.back().alpha == 1.0 && config.prediction_type == PredictionType::sample) {
      raise(ErrorCode::invalid_argument,
            "prediction type 'sample' with set_alpha_to_one: inversion starts at a level without "
            "noise and divides by 0; expected set_alpha_to_one = false");
    }
  }
  config.thresholding = false;  // neither option exists in the inverse of diffusers
  config.use_clipped_model_output = false;
  return std::make_unique<detail::DdimSampler>(
      config, timesteps, from,
      detail::ddim_coefficients(from, to, /*eta=*/0.0, /*draws_noise=*/false));
}

}  // namespace freeinit::inline FREEINIT_ABI
