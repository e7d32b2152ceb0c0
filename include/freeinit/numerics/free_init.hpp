#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/core/shapes.hpp>
#include <freeinit/numerics/frequency_filter.hpp>
#include <freeinit/numerics/intermediate_passes.hpp>
#include <freeinit/numerics/noise_mix.hpp>
#include <freeinit/numerics/noise_source.hpp>
#include <freeinit/numerics/scheduler.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Anything that predicts noise (or whatever the scheduler's prediction type says): latents
/// [B,C,F,H,W] at `timestep` in, prediction of the same shape, dtype and device out. Guidance is
/// the denoiser's own business. Between calls the loop writes the next latents to the memory of the
/// last ones, and a denoiser may do so with its prediction: what has to last is cloned.
using Denoiser = std::function<at::Tensor(const at::Tensor& latents, double timestep)>;

/// Whose rules a run follows where implementations differ.
/// `diffusers`: coarse-to-fine steps are at least 1.
/// `official`: the authors' code; fewer coarse-to-fine steps than passes is refused, since the
/// original divides by zero there.
enum class Profile { diffusers, official };

/// Names of the command line: diffusers, official. Throws Error: invalid_argument with the known
/// names.
[[nodiscard]] FREEINIT_API Profile profile_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(Profile profile) noexcept;

/// Settings of FreeInit (arXiv 2312.07537). What stands below `profile` goes beyond the paper and
/// is off by default.
struct FreeInitOptions {
  std::int64_t num_iters = 3;  ///< sampling passes; 1 = plain sampling, as in the authors' code
  FrequencyFilterOptions filter{};
  bool fast_sampling = false;  ///< coarse to fine: pass i runs int(n / num_iters * (i + 1)) steps
  Profile profile = Profile::diffusers;

  NoiseMixOptions mix{};
  /// Filters that change per pass: entry k is for re-initialisation k (before pass k + 2), the last
  /// entry for all after it. Empty: `filter` for all.
  std::vector<FrequencyFilterOptions> filter_schedule{};
  /// A centred mask [frames, height, width] of your own in place of any filter.
  at::Tensor filter_mask{};
  IntermediatePassOptions intermediate{};
  /// The next pass becomes the last one when the low band of the diffused latents differs from that
  /// of the noise before (the first noise, then the diffused latents of the re-initialisation
  /// before) by at most this much of its own norm. One number per pass is read by the host.
  std::optional<double> tolerance{};
  SamplingBudget budget{};

  /// Throws Error: invalid_argument.
  FREEINIT_API void validate() const;
  /// Also that `filter_mask` has the shape of the latents. Throws Error: invalid_argument.
  FREEINIT_API void validate_for(const LatentShape& shape) const;
};

/// Steps of each pass's grid. Throws Error: invalid_argument (see Profile).
[[nodiscard]] FREEINIT_API std::vector<std::int64_t> steps_per_pass(
    const FreeInitOptions& options, std::int64_t num_inference_steps);

/// The most denoiser calls that each pass makes: its steps, or what `intermediate` and the budget
/// of calls leave of them; 0 for a pass that the budget leaves out. Throws Error: invalid_argument
/// for settings that do not fit the schedule.
[[nodiscard]] FREEINIT_API std::vector<std::int64_t> max_calls_per_pass(
    const FreeInitOptions& options, const Scheduler& scheduler, std::int64_t num_inference_steps);

/// What one run needs besides the denoiser and the schedule.
struct SamplingOptions {
  std::int64_t num_inference_steps = 25;
  double eta = 0.0;
  /// [B,C,F,H,W], unit variance. Replaces the first draw of the noise source, which then is not
  /// made: the fresh noise of the second pass comes first, as in diffusers when `latents` are
  /// given.
  at::Tensor initial_noise{};
  /// Called with the result of each complete pass; a pass that ended early gives its clean
  /// prediction.
  std::function<void(int pass, const at::Tensor& latents)> on_pass{};
  /// Called before each pass with the unit-variance noise that it starts from.
  std::function<void(int pass, const at::Tensor& noise)> on_noise{};
};

/// The result of the last complete pass.
struct FreeInitResult {
  at::Tensor latents;  ///< [B,C,F,H,W]
  int completed_passes = 0;
  bool cancelled = false;  ///< stopped early; `latents` is the last complete pass, never noise
  std::int64_t denoiser_calls = 0;
  /// Calls of each complete pass, in order; passes left out do not appear.
  std::vector<std::int64_t> calls_per_pass{};
  /// How many calls fewer than num_iters passes like the last one; 0 when cancelled.
  std::int64_t calls_saved = 0;
  bool converged = false;  ///< `tolerance` made a pass the last one
};

/// Samples with FreeInit: sample, diffuse the result to the last training timestep with the noise
/// the run started from, keep its low frequencies, take the high ones from fresh noise, sample
/// again. With `num_iters == 1` this is plain sampling.
///
/// Draws from `noise`, in this order: initial noise (dtype `dtype`), then per pass the fresh noise
/// (float32; with MixMethod::freqprior eta_1, eta_2, y_1, y_2) and, with eta > 0, one draw a step;
/// the order of diffusers.
/// Reports Phase::denoise after each step and Phase::reinit before each further pass; either phase
/// also reports step 0 when it begins. A pass that ends early reports what it did as its whole.
/// No tensor visits the host but those draws, and the numbers that the two tolerances and the
/// budget of seconds ask for. Thread-safe as far as denoiser and noise source are.
///
/// Throws Error: invalid_argument before the first call for unusable settings; cancelled when the
/// stop token fires before any pass is complete; whatever the denoiser throws.
[[nodiscard]] FREEINIT_API FreeInitResult
free_init(const Denoiser& denoiser, const Scheduler& scheduler, const LatentShape& shape,
          const FreeInitOptions& options, const SamplingOptions& sampling, NoiseSource& noise,
          at::ScalarType dtype = at::kFloat, at::Device device = at::kCPU,
          const RunControl& control = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/numerics/free_init_inl.hpp>
#endif
