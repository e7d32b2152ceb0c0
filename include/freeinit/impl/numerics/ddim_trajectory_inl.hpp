#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/numerics/ddim_scheduler.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/quantile.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/StringUtil.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// One level of noise: x = sqrt(alpha) scale x_0 + sqrt(1 - alpha) noise.
struct NoiseLevel {
  double alpha;  ///< abar_t
  double scale;  ///< dynamic rescale, 1 without
};

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

/// `buffer`, made if it is not a tensor of the kind of `like`.
FREEINIT_INLINE at::Tensor& fitted(at::Tensor& buffer, const at::Tensor& like) {
  const bool fits = buffer.defined() && buffer.sizes() == like.sizes() &&
                    buffer.scalar_type() == like.scalar_type() && buffer.device() == like.device();
  if (!fits) buffer = at::empty_like(like);
  return buffer;
}

/// factor * tensor, written to `result`. The factor stands on the left, the reference's form: on
/// the CPU LibTorch then rounds it to half precision first, which a factor on the right escapes.
FREEINIT_INLINE at::Tensor& scale_to(at::Tensor& result, const at::Tensor& factor,
                                     const at::Tensor& tensor) {
  return at::mul_out(fitted(result, tensor), factor, tensor);
}

/// Dynamic thresholding (arXiv 2205.11487): each video is clamped to a quantile of its magnitudes
/// and divided by it. At least float32 inside, as a quantile needs.
FREEINIT_INLINE at::Tensor threshold_sample(const at::Tensor& sample, double ratio,
                                            double maximum) {
  const bool wide = sample.scalar_type() == at::kFloat || sample.scalar_type() == at::kDouble;
  const at::Tensor flat = (wide ? sample : sample.to(at::kFloat)).flatten(1);
  if (flat.numel() >= (std::int64_t{1} << 24)) {
    raise(ErrorCode::unsupported, c10::str("sample '", sample.sizes(),
                                           "': too large for dynamic thresholding; LibTorch's "
                                           "quantile takes fewer than 2^24 values"));
  }
  const at::Tensor limit = at::clamp(at::quantile(flat.abs(), ratio, 1), 1.0, maximum).unsqueeze(1);
  return at::clamp(flat, limit.neg(), limit)
      .div(limit)
      .reshape(sample.sizes())
      .to(sample.scalar_type());
}

FREEINIT_INLINE void check_same_kind(const char* name, const at::Tensor& tensor,
                                     const at::Tensor& sample) {
  if (!tensor.defined() || !sample.defined()) {
    raise(ErrorCode::invalid_argument, c10::str(name, ": undefined tensor; expected latents"));
  }
  if (tensor.sizes() == sample.sizes() && tensor.scalar_type() == sample.scalar_type() &&
      tensor.device() == sample.device()) {
    return;
  }
  raise(ErrorCode::invalid_argument,
        c10::str(name, " '", tensor.sizes(), " ", tensor.scalar_type(), " ", tensor.device(),
                 "': does not fit the sample; expected ", sample.sizes(), " ", sample.scalar_type(),
                 " ", sample.device()));
}

/// Which of the optional parts of a step are on.
struct DdimStepRules {
  PredictionType prediction_type;
  bool thresholding;
  double thresholding_ratio;
  double thresholding_maximum;
  bool clip;
  double clip_range;
  bool use_clipped_model_output;
};

/// Both ways of DDIM: from noise to sample, and the inverse, which differs in its levels alone.
class DdimTrajectory final : public Trajectory {
 public:
  DdimTrajectory(std::vector<std::int64_t> timesteps, std::vector<DdimCoefficients> coefficients,
                 const DdimStepRules& rules)
      : timesteps_(std::move(timesteps)), coefficients_(std::move(coefficients)), rules_(rules) {}

  [[nodiscard]] std::span<const std::int64_t> timesteps() const noexcept override {
    return timesteps_;
  }
  [[nodiscard]] double init_noise_sigma() const noexcept override { return 1.0; }

  [[nodiscard]] at::Tensor step(std::size_t index, const at::Tensor& model_output,
                                const at::Tensor& sample, NoiseSource& noise) const override {
    at::Tensor next;
    StepBuffers buffers;
    step_to(next, index, model_output, sample, noise, buffers);
    return next;
  }

  void step_to(at::Tensor& next, std::size_t index, const at::Tensor& model_output,
               const at::Tensor& sample, NoiseSource& noise, StepBuffers& buffers) const override {
    const at::NoGradGuard no_grad;
    const DdimCoefficients& c = coefficients_of(index, model_output, sample);
    auto [original, epsilon] = predict(c, model_output, sample, buffers);
    original = limit(original, buffers);
    if (rules_.use_clipped_model_output) epsilon = noise_between(c, sample, original, buffers);
    // Products and sums stay apart: a fused multiply-add would round once where the reference
    // rounds twice. All that `next` may share memory with has been read before it is written.
    scale_to(buffers.product, c.direction, epsilon);
    scale_to(next, c.root_alpha_next, original).add_(buffers.product);
    if (c.draws_noise) {
      const at::Tensor drawn =
          noise.draw(model_output.sizes(), model_output.scalar_type(), model_output.device());
      next.add_(scale_to(buffers.product, c.sigma, drawn));
    }
  }

  [[nodiscard]] at::Tensor pred_original_sample(std::size_t index, const at::Tensor& model_output,
                                                const at::Tensor& sample) const override {
    const at::NoGradGuard no_grad;
    const DdimCoefficients& c = coefficients_of(index, model_output, sample);
    StepBuffers buffers;
    const at::Tensor original = limit(predict(c, model_output, sample, buffers).original, buffers);
    return original.is_alias_of(model_output) ? original.clone() : original;
  }

 private:
  struct Prediction {
    at::Tensor original;  ///< x_0
    at::Tensor epsilon;
  };

  [[nodiscard]] const DdimCoefficients& coefficients_of(std::size_t index,
                                                        const at::Tensor& model_output,
                                                        const at::Tensor& sample) const {
    if (index >= coefficients_.size()) {
      raise(ErrorCode::invalid_argument,
            c10::str("step index '", index, "': expected at most ", coefficients_.size() - 1));
    }
    check_same_kind("model output", model_output, sample);
    return coefficients_[index];
  }

  /// (sample - root_alpha original) / root_beta
  [[nodiscard]] static at::Tensor noise_between(const DdimCoefficients& c, const at::Tensor& sample,
                                                const at::Tensor& original, StepBuffers& buffers) {
    scale_to(buffers.product, c.root_alpha, original);
    return at::sub_out(fitted(buffers.epsilon, sample), sample, buffers.product).div_(c.root_beta);
  }

  /// Writes to `buffers`; what the network predicts itself stays where it is.
  [[nodiscard]] Prediction predict(const DdimCoefficients& c, const at::Tensor& output,
                                   const at::Tensor& sample, StepBuffers& buffers) const {
    auto& [original, epsilon, product] = buffers;
    switch (rules_.prediction_type) {
      case PredictionType::epsilon:
        scale_to(product, c.root_beta, output);
        return {at::sub_out(fitted(original, sample), sample, product).div_(c.root_alpha), output};
      case PredictionType::sample:
        return {output, noise_between(c, sample, output, buffers)};
      case PredictionType::v_prediction:
        scale_to(original, c.root_alpha, sample).sub_(scale_to(product, c.root_beta, output));
        scale_to(epsilon, c.root_alpha, output).add_(scale_to(product, c.root_beta, sample));
        return {original, epsilon};
    }
    raise(ErrorCode::internal, "prediction type: not a value of its enumeration");
  }

  [[nodiscard]] at::Tensor limit(const at::Tensor& original, StepBuffers& buffers) const {
    if (rules_.thresholding) {
      return threshold_sample(original, rules_.thresholding_ratio, rules_.thresholding_maximum);
    }
    if (!rules_.clip) return original;
    return at::clamp_out(fitted(buffers.original, original), original, -rules_.clip_range,
                         rules_.clip_range);
  }

  std::vector<std::int64_t> timesteps_;
  std::vector<DdimCoefficients> coefficients_;
  DdimStepRules rules_;
};

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
