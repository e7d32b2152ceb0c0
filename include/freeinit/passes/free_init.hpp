#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/core/shapes.hpp>
#include <freeinit/noise/noise_reinitializer.hpp>
#include <freeinit/noise/noise_source.hpp>
#include <freeinit/options/free_init_options.hpp>
#include <freeinit/passes/free_init_state.hpp>
#include <freeinit/passes/run_hooks.hpp>
#include <freeinit/sampling/denoiser.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// What a run is made with besides the denoiser and the schedule.
struct FreeInitSettings {
  LatentShape shape{};                    ///< of the latents
  FreeInitOptions options{};              ///< passes, filters, mix
  std::int64_t num_inference_steps = 25;  ///< of a full pass; diffusers' argument of that name
  double eta = 0.0;                   ///< noise of each step, 0 to 1; `ddim` and `tcd` alone use it
  at::ScalarType dtype = at::kFloat;  ///< of latents and noise
  /// Of latents and noise; fresh noise is drawn on the CPU and copied.
  at::Device device = at::kCPU;
  /// [B,C,F,H,W], unit variance, floating point, cast to `dtype` and `device`. Replaces the first
  /// draw of the noise source, which then is not made: the fresh noise of the second pass comes
  /// first, as in diffusers when `latents` are given.
  at::Tensor initial_noise{};
  /// [B,C,F,H,W] clean latents, floating point, cast likewise. Given: video to video. Every pass
  /// starts from them, noised to the level of its first step; each but the first takes the low
  /// frequencies of the last result.
  at::Tensor initial_sample{};
  /// The share of each pass's steps, its last ones, that are run with `initial_sample`: above 0, at
  /// most 1.
  double strength = 1.0;
  /// Entry k is for re-initialisation k, the last one for all after it. Empty: made from
  /// `options.filters` and `options.mix`. Given, they say it all, as for a mask of your own.
  std::vector<NoiseReinitializer> reinitializers{};
  /// Makes the sampler of each pass. Empty: `sampler_factory`, the sampler that the schedule names.
  SamplerFactory samplers{};
  /// Looks for NaN and infinity in every output of the denoiser and after every step, which waits
  /// for the device each time; else only in the result of each pass.
  bool check_steps = false;
};

/// One pass of a run.
struct PassPlan {
  std::shared_ptr<const Sampler> sampler;  ///< of this pass, never null
  std::int64_t calls = 0;  ///< fewer than the sampler's steps where the pass ends early
  std::int64_t first = 0;  ///< index of the first step; above 0 where a strength leaves steps out
};

/// The passes of a run: each to its end, or to where `intermediate` and the budget end it. A pass
/// for which the budget has nothing left is left out with all that follow, but for the last one,
/// which is always whole. `strength`: as FreeInitSettings has it. Throws Error: invalid_argument
/// for settings that do not fit the schedule, and a strength that leaves a pass no step.
[[nodiscard]] FREEINIT_API std::vector<PassPlan> plan_passes(const FreeInitOptions& options,
                                                             const SamplerFactory& samplers,
                                                             std::int64_t num_inference_steps,
                                                             double strength = 1.0);

/// The result of the last complete pass.
struct FreeInitResult {
  at::Tensor latents{};      ///< [B,C,F,H,W]
  int completed_passes = 0;  ///< `num_iters` unless cancelled
  bool cancelled = false;    ///< stopped early; `latents` is the last complete pass, never noise
  std::int64_t denoiser_calls = 0;             ///< made in all, those of an incomplete pass too
  std::vector<std::int64_t> calls_per_pass{};  ///< of each complete pass, in order
  /// How many calls fewer than num_iters passes like the last one; 0 when cancelled.
  std::int64_t calls_saved = 0;
};

/// FreeInit (arXiv 2312.07537), ready to run: settings checked, passes planned, filters made.
/// Immutable, so one object serves many runs and threads; what a run changes is its FreeInitState.
///
/// `begin` draws the first noise. Each pass samples from unit-variance noise; each pass but the
/// first starts by diffusing the last result to the last training timestep with the first noise,
/// keeping its low frequencies and taking the high ones from fresh noise.
///
/// With `initial_sample` a pass starts where `strength` says, from clean latents and noise: in the
/// first pass the sample and the first noise; then the low frequencies of the last result with the
/// high ones of the sample, and those of the first noise with the high ones of fresh noise. That is
/// the mix of the two noised at that level, whatever the sampler's scale.
///
/// Draws, in this order: initial noise (dtype `dtype`), then per further pass the fresh noise
/// (float32; with MixMethod::freqprior eta_1, eta_2, y_1, y_2) and, with eta > 0, one draw a step;
/// the order of diffusers. No tensor visits the host but those draws.
class FREEINIT_API FreeInit {
 public:
  /// The schedule must outlive the object. Throws Error: invalid_argument for unusable settings.
  FreeInit(const NoiseSchedule& schedule, FreeInitSettings settings);
  FreeInit(NoiseSchedule&&, FreeInitSettings) = delete;

  /// The state before the first call. `noise`: one seed, or one a video. Throws Error:
  /// invalid_argument.
  [[nodiscard]] FreeInitState begin(NoiseSource noise) const;

  /// Refuses a state that did not come from `begin` and `advance` of a run with these settings, or
  /// with fewer passes of the same calls. Tensors must be on the run's device. Throws Error:
  /// invalid_argument.
  void check_state(const FreeInitState& state) const;

  /// Refuses a state that holds NaN or infinity. Waits for the device. Throws Error: model, with
  /// the pass, its steps so far and the first place.
  void check_values(const FreeInitState& state) const;

  /// Whether all passes of the run are complete.
  [[nodiscard]] bool is_done(const FreeInitState& state) const noexcept;

  /// One denoiser call and its step; before the first one of a pass also what leads to it. Makes no
  /// call once the stop token has fired or the run is done. Reports Phase::denoise after each step
  /// and Phase::reinit before each further pass; either also reports step 0 when it begins. Throws
  /// what the denoiser throws, and Error: invalid_argument for a prediction of another shape, dtype
  /// or device; model where a pass or, with `check_steps`, a step leaves NaN or infinity: with its
  /// number and the first place [b,c,f,y,x], and before any hook of it.
  void advance(FreeInitState& state, const Denoiser& denoiser, const RunControl& control = {},
               const RunHooks& hooks = {}) const;

  /// Throws Error: cancelled when no pass is complete.
  [[nodiscard]] FreeInitResult result(const FreeInitState& state) const;

 private:
  /// What a pass starts from: unit-variance noise and, with `initial_sample`, what it is added to.
  struct Start {
    at::Tensor noise;
    at::Tensor sample{};
  };

  void check() const;
  void check_passes(const FreeInitState& state) const;
  void check_tensors(const FreeInitState& state) const;
  void begin_pass(FreeInitState& state, const RunControl& control, const RunHooks& hooks) const;
  [[nodiscard]] Start reinitialise(FreeInitState& state, const RunControl& control) const;
  [[nodiscard]] at::Tensor noise_of_result(const FreeInitState& state) const;
  void check_step(const FreeInitState& state, const at::Tensor& output, std::int64_t step) const;
  void end_pass(FreeInitState& state, const at::Tensor& prediction, const RunHooks& hooks) const;
  void report(Phase phase, const FreeInitState& state, std::int64_t step, std::int64_t num_steps,
              const RunControl& control) const;

  const NoiseSchedule& schedule_;
  FreeInitSettings settings_;
  std::vector<PassPlan> passes_;
};

/// Runs FreeInit to its end, or until the stop token fires. With `num_iters == 1` this is plain
/// sampling. Throws Error: invalid_argument before the first call for unusable settings; cancelled
/// when the stop token fires before any pass is complete; else as `FreeInit::advance`.
[[nodiscard]] FREEINIT_API FreeInitResult
free_init(const Denoiser& denoiser, const NoiseSchedule& schedule, const FreeInitSettings& settings,
          NoiseSource noise, const RunControl& control = {}, const RunHooks& hooks = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/passes/free_init_inl.hpp>
#endif
