#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/noise/noise_source.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Where a sampler stands between two denoiser calls: plain data, made by `Sampler::start`, changed
/// by `Sampler::step`. Whoever keeps it can go on from it later, bit for bit.
///
/// Move-only, since `step` writes to the memory of `latents`; `clone` copies that too.
struct FREEINIT_API SamplerState {
  at::Tensor latents;                 ///< [B,C,F,H,W] in the sampler's own scale
  std::vector<at::Tensor> history{};  ///< earlier outputs, for methods that look back; else empty
  std::int64_t index = 0;             ///< steps done; the next one is `timesteps()[index]`
  std::vector<at::Tensor> scratch{};  ///< memory that steps write again; no part of the value

  SamplerState() = default;
  /// `first_latents` [B,C,F,H,W] in the sampler's scale; `first_index` leaves steps out.
  explicit SamplerState(at::Tensor first_latents, std::int64_t first_index = 0);
  SamplerState(SamplerState&&) noexcept = default;
  SamplerState& operator=(SamplerState&&) noexcept = default;
  SamplerState(const SamplerState&) = delete;
  SamplerState& operator=(const SamplerState&) = delete;

  /// The same state in memory of its own.
  [[nodiscard]] SamplerState clone() const;
};

/// One way from noise to a sample: an immutable list of timesteps with the coefficients of each
/// step as scalars on the host, so that a step is a handful of tensor operations and never waits
/// for the device. What diffusers calls a scheduler after `set_timesteps`; all that changes in a
/// run is in its `SamplerState`, so one sampler serves many runs and threads.
///
///     SamplerState state = sampler.start(noise);
///     for (const double t : sampler.timesteps()) {
///       sampler.step(state, denoiser(sampler.scale_model_input(state), t), noise_source);
///     }
class FREEINIT_API Sampler {
 public:
  virtual ~Sampler() = default;

  /// Timesteps in the order in which the denoiser is called; they need not be whole numbers.
  [[nodiscard]] virtual std::span<const double> timesteps() const noexcept = 0;

  /// What unit-variance noise is multiplied by before the first step (1 for DDIM).
  [[nodiscard]] virtual double init_noise_sigma() const noexcept = 0;

  /// How much noise `scale_model_input` holds before step `index`, 0 .. timesteps().size() - 1; the
  /// level need not be that of a training timestep. Throws Error: invalid_argument.
  [[nodiscard]] virtual NoiseLevel level(std::int64_t index) const = 0;

  /// The index of the first step of a run that leaves out the first `skipped_steps` steps of the
  /// grid, for `start_at`: a step may be several calls (diffusers' `scheduler.order`).
  [[nodiscard]] virtual std::int64_t start_index(std::int64_t skipped_steps) const {
    return skipped_steps;
  }

  /// The state before the first step. `unit_noise` [B,C,F,H,W], floating point, unit variance; it
  /// is not checked and never written to.
  [[nodiscard]] SamplerState start(const at::Tensor& unit_noise) const;

  /// The state before step `index` of a run that starts from the clean sample `original`, noised to
  /// the level of that step with `unit_noise` (diffusers' image and video to video). Same shape,
  /// dtype and device. Throws Error: invalid_argument.
  [[nodiscard]] virtual SamplerState start_at(std::int64_t index, const at::Tensor& original,
                                              const at::Tensor& unit_noise) const = 0;

  /// What the denoiser is called with (diffusers' `scale_model_input`): the latents in
  /// variance-preserving scale. It shares memory with the state, which the next step writes to.
  /// Where that depends on the step it throws Error: invalid_argument (no step left).
  [[nodiscard]] virtual at::Tensor scale_model_input(SamplerState& state) const {
    return state.latents;
  }

  /// The clean sample x_0 that the next step steers to, after clipping or thresholding: diffusers'
  /// `pred_original_sample`, in memory of its own. Draws nothing. `model_output`: shape, dtype and
  /// device of the latents. Throws Error: invalid_argument (no step left, shapes).
  [[nodiscard]] virtual at::Tensor pred_original_sample(const SamplerState& state,
                                                        const at::Tensor& model_output) const = 0;

  /// One step forward, without gradients. Noise, where the method needs any, is drawn last from
  /// `noise`. From the second step on nothing is allocated but that noise. Throws Error:
  /// invalid_argument (no step left, shapes).
  virtual void step(SamplerState& state, const at::Tensor& model_output,
                    NoiseSource& noise) const = 0;
};

/// Makes the sampler for a number of steps; `sampler_factory` gives those of the table. Throws
/// Error: invalid_argument.
using SamplerFactory =
    std::function<std::unique_ptr<const Sampler>(std::int64_t num_inference_steps)>;

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/sampler_inl.hpp>
#endif
