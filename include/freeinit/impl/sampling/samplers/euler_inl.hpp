#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/sampling/latents_check_inl.hpp>
#include <freeinit/impl/sampling/sigma_grid_inl.hpp>
#include <freeinit/impl/sampling/step_math_inl.hpp>
#include <freeinit/sampling/samplers/euler.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/div.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

class EulerSampler final : public Sampler {
 public:
  EulerSampler(PredictionType prediction_type, std::vector<double> timesteps,
               const at::Tensor& sigmas, double init_noise_sigma)
      : prediction_type_(prediction_type),
        timesteps_(std::move(timesteps)),
        init_noise_sigma_(init_noise_sigma) {
    for (std::int64_t i = 0; i + 1 < sigmas.numel(); ++i) {
      const at::Tensor sigma = sigmas.select(0, i);
      const at::Tensor square = sigma.square().add(1.0);
      steps_.push_back({.sigma = sigma,
                        .input_scale = square.sqrt(),
                        .skip = square,
                        .out = sigma.neg().div(square.sqrt()),
                        .change = sigmas.select(0, i + 1).sub(sigma)});
    }
  }

  [[nodiscard]] std::span<const double> timesteps() const noexcept override { return timesteps_; }
  [[nodiscard]] double init_noise_sigma() const noexcept override { return init_noise_sigma_; }

  [[nodiscard]] NoiseLevel level(std::int64_t index) const override {
    const double sigma = step_at(index).sigma.item<double>();
    return {.alpha = 1.0 / (sigma * sigma + 1.0)};
  }

  [[nodiscard]] SamplerState start_at(std::int64_t index, const at::Tensor& original,
                                      const at::Tensor& unit_noise) const override {
    const at::NoGradGuard no_grad;
    const Step& step = step_at(index);
    check_same_kind("noise", unit_noise, original);
    return SamplerState(original.add(unit_noise.mul(step.sigma)), index);
  }

  [[nodiscard]] at::Tensor scale_model_input(SamplerState& state) const override {
    const at::NoGradGuard no_grad;
    const Step& step = step_at(state.index);
    state.scratch.resize(kMemories);
    at::Tensor& input = fitted(state.scratch[kInput], state.latents);
    return at::div_out(input, state.latents, step.input_scale);
  }

  [[nodiscard]] at::Tensor pred_original_sample(const SamplerState& state,
                                                const at::Tensor& model_output) const override {
    const at::NoGradGuard no_grad;
    SamplerState own(state.latents, state.index);  // its memory is the result's
    const at::Tensor original = predict(step_of(own, model_output), model_output, own);
    return original.is_alias_of(model_output) ? original.clone() : original;
  }

  void step(SamplerState& state, const at::Tensor& model_output, NoiseSource&) const override {
    const at::NoGradGuard no_grad;
    const Step& step = step_of(state, model_output);
    const at::Tensor original = predict(step, model_output, state);
    // In the reference's order: the derivative first, then its product with the change of sigma.
    at::Tensor& slope = fitted(state.scratch[kSlope], state.latents);
    at::sub_out(slope, state.latents, original).div_(step.sigma).mul_(step.change);
    at::Tensor& next = fitted(state.scratch[kNext], state.latents);
    state.latents = at::add_out(next, state.latents, slope);
    ++state.index;
  }

 private:
  /// Places in SamplerState::scratch. `next` is the state's latents after the first step.
  enum Memory : std::size_t { kNext, kInput, kOriginal, kSlope, kMemories };

  /// float32 host tensors without dimensions.
  struct Step {
    at::Tensor sigma;
    at::Tensor input_scale;  ///< sqrt(sigma^2 + 1)
    at::Tensor skip;         ///< sigma^2 + 1
    at::Tensor out;          ///< -sigma / sqrt(sigma^2 + 1)
    at::Tensor change;       ///< the next sigma minus this one
  };

  [[nodiscard]] const Step& step_at(std::int64_t index) const {
    if (index < 0 || std::cmp_greater_equal(index, steps_.size())) {
      raise(ErrorCode::invalid_argument,
            c10::str("step index '", index, "': expected 0 to ", steps_.size() - 1));
    }
    return steps_[static_cast<std::size_t>(index)];
  }

  /// Checks the step and makes room for its memory.
  [[nodiscard]] const Step& step_of(SamplerState& state, const at::Tensor& model_output) const {
    const Step& step = step_at(state.index);
    check_same_kind("model output", model_output, state.latents);
    state.scratch.resize(kMemories);
    return step;
  }

  /// x_0; what the network predicts itself stays where it is.
  [[nodiscard]] at::Tensor predict(const Step& step, const at::Tensor& output,
                                   SamplerState& state) const {
    at::Tensor& original = state.scratch[kOriginal];
    at::Tensor& product = state.scratch[kSlope];
    switch (prediction_type_) {
      case PredictionType::epsilon:
        scale_to(product, step.sigma, output);
        return at::sub_out(fitted(original, state.latents), state.latents, product);
      case PredictionType::sample:
        return output;
      case PredictionType::v_prediction:
        at::div_out(fitted(product, state.latents), state.latents, step.skip);
        return scale_to(original, step.out, output).add_(product);
    }
    raise(ErrorCode::internal, "prediction type: not a value of its enumeration");
  }

  PredictionType prediction_type_;
  std::vector<double> timesteps_;
  double init_noise_sigma_;
  std::vector<Step> steps_;
};

}  // namespace detail

FREEINIT_INLINE std::unique_ptr<const Sampler> make_euler(const NoiseSchedule& schedule,
                                                          std::int64_t num_inference_steps,
                                                          double /*eta*/) {
  detail::SigmaGrid grid = detail::continuous_sigma_grid(schedule, num_inference_steps);
  const double init = detail::init_noise_sigma(schedule.config(), grid);
  return std::make_unique<detail::EulerSampler>(schedule.config().prediction_type,
                                                std::move(grid.timesteps),
                                                at::tensor(grid.sigmas, at::kFloat), init);
}

}  // namespace freeinit::inline FREEINIT_ABI
