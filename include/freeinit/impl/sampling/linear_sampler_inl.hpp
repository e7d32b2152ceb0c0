#pragma once

// Walks a LinearPlan.

#include <freeinit/core/error.hpp>
#include <freeinit/impl/sampling/latents_check_inl.hpp>
#include <freeinit/impl/sampling/linear_plan_inl.hpp>
#include <freeinit/impl/sampling/step_math_inl.hpp>
#include <freeinit/options/sampler_config.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/div.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sub.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

class LinearSampler final : public Sampler {
 public:
  LinearSampler(const SamplerConfig& config, bool clips, LinearPlan plan);

  [[nodiscard]] std::span<const double> timesteps() const noexcept override {
    return plan_.timesteps;
  }
  [[nodiscard]] double init_noise_sigma() const noexcept override { return plan_.init_noise_sigma; }
  [[nodiscard]] NoiseLevel level(std::int64_t index) const override {
    const LatentLevel& level = plan_.levels[checked_index(index)];
    const double signal = level.signal * level.signal;
    return {.alpha = signal / (signal + level.noise * level.noise)};
  }
  [[nodiscard]] std::int64_t start_index(std::int64_t skipped_steps) const override {
    return start_of(skipped_steps * plan_.calls_per_step);
  }
  [[nodiscard]] SamplerState start_at(std::int64_t index, const at::Tensor& original,
                                      const at::Tensor& unit_noise) const override;
  [[nodiscard]] at::Tensor scale_model_input(SamplerState& state) const override;
  [[nodiscard]] at::Tensor pred_original_sample(const SamplerState& state,
                                                const at::Tensor& model_output) const override;
  void step(SamplerState& state, const at::Tensor& model_output, NoiseSource& noise) const override;

 private:
  /// Places in SamplerState::scratch; behind them lies memory for the history.
  enum Memory : std::size_t { kNext, kSum, kInput, kOriginal, kCorrected, kProduct, kSpare };

  /// float32 host tensors without dimensions; undefined: takes no part.
  struct Factors {
    at::Tensor latents, kept, noise;
    std::vector<at::Tensor> values;
  };
  struct Step {
    LinearStep plan;
    Factors correction, next;
  };
  /// Of one level: x_0 and epsilon from latents and output.
  struct Conversion {
    at::Tensor norm;  ///< undefined where latents are in variance-preserving scale
    at::Tensor original_latents, original_output;
    at::Tensor signal, noise;
  };

  [[nodiscard]] static at::Tensor factor(double value) {
    return value == 0.0 ? at::Tensor{} : at::scalar_tensor(value, at::kFloat);
  }
  [[nodiscard]] static Factors factors_of(const Mix& mix);
  [[nodiscard]] Conversion conversion_of(const LatentLevel& level) const;

  [[nodiscard]] std::size_t checked_index(std::int64_t index) const;
  [[nodiscard]] std::int64_t start_of(std::int64_t index) const;
  /// Values that the history holds; the kept latents stand before them.
  [[nodiscard]] std::size_t num_values(const SamplerState& state) const;
  void reserve(SamplerState& state, const at::Tensor& like) const;
  [[nodiscard]] at::Tensor original_of(const Conversion& conversion, const at::Tensor& output,
                                       SamplerState& state) const;
  [[nodiscard]] at::Tensor value_of(const Conversion& conversion, const at::Tensor& original,
                                    const at::Tensor& output, SamplerState& state) const;
  [[nodiscard]] at::Tensor& sum(at::Tensor& result, const Factors& factors,
                                const at::Tensor& latents, const at::Tensor& value,
                                SamplerState& state) const;
  void keep(const at::Tensor& latents, SamplerState& state) const;
  void remember(const at::Tensor& value, SamplerState& state) const;
  static void forget(SamplerState& state);

  SamplerConfig config_;
  bool clips_;
  LinearPlan plan_;
  bool corrects_ = false;
  std::vector<Conversion> conversions_;
  std::vector<std::vector<Step>> steps_;
};

FREEINIT_INLINE LinearSampler::LinearSampler(const SamplerConfig& config, bool clips,
                                             LinearPlan plan)
    : config_(config), clips_(clips), plan_(std::move(plan)) {
  for (std::size_t i = 0; i < plan_.levels.size(); ++i) {
    check_signal(config_, clips_, plan_.levels[i].signal, plan_.timesteps[i]);
    conversions_.push_back(conversion_of(plan_.levels[i]));
  }
  for (const auto& variants : plan_.steps) {
    std::vector<Step>& made = steps_.emplace_back();
    for (const LinearStep& step : variants) {
      corrects_ = corrects_ || step.corrects;
      made.push_back({step, factors_of(step.correction), factors_of(step.next)});
    }
  }
}

FREEINIT_INLINE LinearSampler::Factors LinearSampler::factors_of(const Mix& mix) {
  Factors factors{.latents = factor(mix.latents),
                  .kept = factor(mix.kept),
                  .noise = factor(mix.noise),
                  .values = {}};
  for (const double value : mix.values) factors.values.push_back(factor(value));
  return factors;
}

FREEINIT_INLINE LinearSampler::Conversion LinearSampler::conversion_of(
    const LatentLevel& level) const {
  const double power = level.signal * level.signal + level.noise * level.noise;
  const bool preserving = std::abs(power - 1.0) < 1e-9;
  const double norm = preserving ? 1.0 : std::sqrt(power);
  Conversion made;
  if (!preserving) made.norm = at::scalar_tensor(norm, at::kFloat);
  made.signal = at::scalar_tensor(level.signal, at::kFloat);
  made.noise = at::scalar_tensor(level.noise, at::kFloat);
  made.original_latents = at::scalar_tensor(level.signal / (norm * norm), at::kFloat);
  made.original_output = at::scalar_tensor(level.noise / norm, at::kFloat);
  return made;
}

FREEINIT_INLINE std::size_t LinearSampler::checked_index(std::int64_t index) const {
  if (index >= 0 && std::cmp_less(index, steps_.size())) return static_cast<std::size_t>(index);
  raise(ErrorCode::invalid_argument,
        c10::str("step index '", index, "': expected 0 to ", steps_.size() - 1));
}

FREEINIT_INLINE std::size_t LinearSampler::num_values(const SamplerState& state) const {
  const std::size_t kept = plan_.keeps_latents ? 1 : 0;
  return state.history.size() > kept ? state.history.size() - kept : 0;
}

FREEINIT_INLINE SamplerState LinearSampler::start_at(std::int64_t index, const at::Tensor& original,
                                                     const at::Tensor& unit_noise) const {
  const at::NoGradGuard no_grad;
  check_same_kind("noise", unit_noise, original);
  const std::int64_t start = start_of(index);
  const LatentLevel& level = plan_.levels[static_cast<std::size_t>(start)];
  return SamplerState(original.mul(level.signal).add_(unit_noise.mul(level.noise)), start);
}

/// The first of two calls at one timestep belongs to the step before.
FREEINIT_INLINE std::int64_t LinearSampler::start_of(std::int64_t index) const {
  const std::size_t place = checked_index(index);
  const auto& grid = plan_.timesteps;
  const bool twice = place > 0 && place + 1 < grid.size() && grid[place] == grid[place + 1];
  return twice ? index + 1 : index;
}

FREEINIT_INLINE at::Tensor LinearSampler::scale_model_input(SamplerState& state) const {
  const at::NoGradGuard no_grad;
  const Conversion& conversion = conversions_[checked_index(state.index)];
  if (!conversion.norm.defined()) return state.latents;
  reserve(state, state.latents);
  return at::div_out(state.scratch[kInput], state.latents, conversion.norm);
}

FREEINIT_INLINE at::Tensor LinearSampler::pred_original_sample(
    const SamplerState& state, const at::Tensor& model_output) const {
  const at::NoGradGuard no_grad;
  check_same_kind("model output", model_output, state.latents);
  SamplerState own(state.latents, state.index);  // its memory is the result's
  own.scratch.resize(kSpare);
  const Conversion& conversion = conversions_[checked_index(state.index)];
  const at::Tensor original = original_of(conversion, model_output, own);
  return original.is_alias_of(model_output) ? original.clone() : original;
}

FREEINIT_INLINE void LinearSampler::step(SamplerState& state, const at::Tensor& model_output,
                                         NoiseSource& noise) const {
  const at::NoGradGuard no_grad;
  const std::size_t index = checked_index(state.index);
  check_same_kind("model output", model_output, state.latents);
  reserve(state, state.latents);
  const auto& variants = steps_[index];
  const Step& step = variants[std::min(num_values(state), variants.size() - 1)];
  const Conversion& conversion = conversions_[index];
  const at::Tensor original = original_of(conversion, model_output, state);
  const at::Tensor value = value_of(conversion, original, model_output, state);
  at::Tensor latents = state.latents;
  if (step.plan.corrects) {
    latents = sum(state.scratch[kCorrected], step.correction, latents, value, state);
  }
  // The result goes to memory that nothing in the sum shares: a prediction may be the latents.
  at::Tensor& next = sum(state.scratch[kSum], step.next, latents, value, state);
  if (step.plan.keeps_latents) keep(latents, state);
  if (step.plan.remembers) remember(value, state);
  if (step.plan.forgets) forget(state);
  if (step.plan.draws_noise) {
    const at::Tensor drawn =
        noise.draw(model_output.sizes(), model_output.scalar_type(), model_output.device());
    if (step.next.noise.defined()) {
      next.add_(scale_to(state.scratch[kProduct], step.next.noise, drawn));
    }
  }
  std::swap(state.scratch[kNext], state.scratch[kSum]);
  state.latents = state.scratch[kNext];
  ++state.index;
}

/// All memory of a run, made in its first step.
FREEINIT_INLINE void LinearSampler::reserve(SamplerState& state, const at::Tensor& like) const {
  if (!state.scratch.empty() && state.scratch[kNext].defined()) return;
  state.scratch.resize(kSpare);
  for (const Memory place : {kNext, kSum, kOriginal, kProduct}) fitted(state.scratch[place], like);
  if (conversions_.front().norm.defined()) fitted(state.scratch[kInput], like);
  if (corrects_) fitted(state.scratch[kCorrected], like);
  const std::size_t entries = plan_.order - 1 + (plan_.keeps_latents ? 1 : 0);
  state.history.reserve(entries);
  state.scratch.reserve(kSpare + entries);
  for (std::size_t i = state.history.size(); i < entries; ++i) {
    state.scratch.push_back(at::empty_like(like));
  }
}

FREEINIT_INLINE at::Tensor LinearSampler::original_of(const Conversion& conversion,
                                                      const at::Tensor& output,
                                                      SamplerState& state) const {
  const at::Tensor& latents = state.latents;
  at::Tensor& product = state.scratch[kProduct];
  at::Tensor original = output;
  if (config_.prediction_type == PredictionType::epsilon) {
    scale_to(product, conversion.noise, output);
    at::Tensor& made = fitted(state.scratch[kOriginal], latents);
    original = at::sub_out(made, latents, product).div_(conversion.signal);
  } else if (config_.prediction_type == PredictionType::v_prediction) {
    scale_to(product, conversion.original_output, output);
    original = scale_to(state.scratch[kOriginal], conversion.original_latents, latents);
    original.sub_(product);
  }
  if (config_.thresholding) {
    return threshold_sample(original, config_.dynamic_thresholding_ratio, config_.sample_max_value);
  }
  if (!clips_) return original;
  return at::clamp_out(fitted(state.scratch[kOriginal], latents), original,
                       -config_.clip_sample_range, config_.clip_sample_range);
}

FREEINIT_INLINE at::Tensor LinearSampler::value_of(const Conversion& conversion,
                                                   const at::Tensor& original,
                                                   const at::Tensor& output,
                                                   SamplerState& state) const {
  if (plan_.remembered == Remembered::original) return original;
  const bool predicts_noise = config_.prediction_type == PredictionType::epsilon;
  if (plan_.remembered == Remembered::output || predicts_noise) return output;
  scale_to(state.scratch[kProduct], conversion.signal, original);
  at::Tensor& epsilon = state.scratch[kOriginal];
  return at::sub_out(epsilon, state.latents, state.scratch[kProduct]).div_(conversion.noise);
}

FREEINIT_INLINE at::Tensor& LinearSampler::sum(at::Tensor& result, const Factors& factors,
                                               const at::Tensor& latents, const at::Tensor& value,
                                               SamplerState& state) const {
  at::Tensor& product = state.scratch[kProduct];
  bool empty = true;
  const auto add = [&](const at::Tensor& by, const at::Tensor& tensor) {
    if (!by.defined()) return;
    if (empty) {
      scale_to(result, by, tensor);
    } else {
      result.add_(scale_to(product, by, tensor));
    }
    empty = false;
  };
  add(factors.latents, latents);
  if (factors.kept.defined()) add(factors.kept, state.history.front());
  const std::size_t first = plan_.keeps_latents ? 1 : 0;
  for (std::size_t i = 0; i < factors.values.size(); ++i) {
    add(factors.values[i], i == 0 ? value : state.history[first + i - 1]);
  }
  return result;
}

FREEINIT_INLINE void LinearSampler::keep(const at::Tensor& latents, SamplerState& state) const {
  if (state.history.empty()) {
    state.history.push_back(state.scratch.back());
    state.scratch.pop_back();
  }
  state.history.front().copy_(latents);
}

/// The newest value stands first; the oldest one's memory is written again.
FREEINIT_INLINE void LinearSampler::remember(const at::Tensor& value, SamplerState& state) const {
  if (plan_.order == 1) return;
  if (num_values(state) + 1 < plan_.order) {
    state.history.push_back(state.scratch.back());
    state.scratch.pop_back();
  }
  const auto first = state.history.begin() + (plan_.keeps_latents ? 1 : 0);
  std::rotate(first, state.history.end() - 1, state.history.end());
  first->copy_(value);
}

FREEINIT_INLINE void LinearSampler::forget(SamplerState& state) {
  while (!state.history.empty()) {
    state.scratch.push_back(state.history.back());
    state.history.pop_back();
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
