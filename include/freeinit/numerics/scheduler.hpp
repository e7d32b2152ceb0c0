#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/numerics/noise_source.hpp>

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace freeinit::inline FREEINIT_ABI {

/// Memory for the intermediate values of steps: made by the first step that is given it, written
/// again by all that follow.
struct StepBuffers {
  at::Tensor original;
  at::Tensor epsilon;
  at::Tensor product;
};

/// One way from noise to a sample: an immutable list of timesteps with the coefficients of each
/// step as scalars on the host, so that a step is a handful of tensor operations and never waits
/// for the device.
class FREEINIT_API Trajectory {
 public:
  virtual ~Trajectory() = default;

  /// Timesteps in the order in which the denoiser is called.
  [[nodiscard]] virtual std::span<const std::int64_t> timesteps() const noexcept = 0;

  /// What unit-variance noise is multiplied by before the first step (1 for DDIM).
  [[nodiscard]] virtual double init_noise_sigma() const noexcept = 0;

  /// The sample after step `index`. `model_output` and `sample`: same shape, dtype and device; the
  /// result has the sample's dtype. Noise, where the method needs any, is drawn last from `noise`.
  /// Throws Error: invalid_argument (index, shapes).
  [[nodiscard]] virtual at::Tensor step(std::size_t index, const at::Tensor& model_output,
                                        const at::Tensor& sample, NoiseSource& noise) const = 0;

  /// `step` without new memory, the same numbers: the sample after step `index` goes to `next`,
  /// which may be `sample` itself and is made when undefined. Without gradients.
  virtual void step_to(at::Tensor& next, std::size_t index, const at::Tensor& model_output,
                       const at::Tensor& sample, NoiseSource& noise,
                       StepBuffers& /*buffers*/) const {
    next = step(index, model_output, sample, noise);
  }

  /// The clean sample x_0 that step `index` steers to, after clipping or thresholding: diffusers'
  /// `pred_original_sample`, in memory of its own. Draws nothing. Shapes, dtype and errors as
  /// `step`.
  [[nodiscard]] virtual at::Tensor pred_original_sample(std::size_t index,
                                                        const at::Tensor& model_output,
                                                        const at::Tensor& sample) const = 0;
};

/// A noise schedule with its sampler. Immutable; `trajectory` makes the value that one run uses.
class FREEINIT_API Scheduler {
 public:
  virtual ~Scheduler() = default;

  [[nodiscard]] virtual std::int64_t num_train_timesteps() const noexcept = 0;

  /// Throws Error: invalid_argument (steps < 1 or > num_train_timesteps, eta outside 0..1 or NaN).
  [[nodiscard]] virtual std::unique_ptr<const Trajectory> trajectory(
      std::int64_t num_inference_steps, double eta = 0.0) const = 0;

  /// The forward process: sqrt(abar_t) original + sqrt(1 - abar_t) noise, in the dtype of
  /// `original` (abar_t is rounded to that dtype before the root, as diffusers does), the original
  /// rescaled where the schedule says so. Throws Error: invalid_argument (timestep outside 0..N-1,
  /// shapes).
  [[nodiscard]] virtual at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                                             std::int64_t timestep) const = 0;

  /// The forward process from a sample that is noised already: from the level of timestep `from` to
  /// that of `to` >= `from`,
  ///     sqrt(s) sample + sqrt(1 - s) noise,   s = abar_to / abar_from
  /// (the bridge of FreqPrior, arXiv 2502.03496), in the dtype of `sample`; a rescaled signal
  /// changes its scale on the way. With noise that is independent of the sample's this gives what
  /// `add_noise` gives from the clean original. Throws Error: invalid_argument (timesteps outside
  /// 0..N-1 or in the wrong order, shapes).
  [[nodiscard]] virtual at::Tensor add_noise_between(const at::Tensor& sample,
                                                     const at::Tensor& noise, std::int64_t from,
                                                     std::int64_t to) const = 0;
};

}  // namespace freeinit::inline FREEINIT_ABI
