#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/core/shapes.hpp>
#include <freeinit/numerics/frequency_filter.hpp>
#include <freeinit/numerics/noise_source.hpp>
#include <freeinit/numerics/scheduler.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Anything that predicts noise (or whatever the scheduler's prediction type says): latents
/// [B,C,F,H,W] at `timestep` in, prediction of the same shape, dtype and device out. Guidance is
/// the denoiser's own business.
using Denoiser = std::function<at::Tensor(const at::Tensor& latents, std::int64_t timestep)>;

/// Whose rules a run follows where implementations differ.
/// `diffusers`: coarse-to-fine steps are at least 1.
/// `official`: the authors' code; fewer coarse-to-fine steps than passes is refused, since the
/// original divides by zero there.
enum class Profile { diffusers, official };

[[nodiscard]] FREEINIT_API Profile profile_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(Profile profile) noexcept;

/// Settings of FreeInit (arXiv 2312.07537).
struct FreeInitOptions {
  std::int64_t num_iters = 3;  ///< sampling passes; 1 = plain sampling, as in the authors' code
  FrequencyFilterOptions filter{};
  bool fast_sampling = false;  ///< coarse to fine: pass i runs int(n / num_iters * (i + 1)) steps
  Profile profile = Profile::diffusers;

  /// Throws Error: invalid_argument.
  FREEINIT_API void validate() const;
};

/// Steps of each pass. Throws Error: invalid_argument (see Profile).
[[nodiscard]] FREEINIT_API std::vector<std::int64_t> steps_per_pass(
    const FreeInitOptions& options, std::int64_t num_inference_steps);

/// What one run needs besides the denoiser and the schedule.
struct SamplingOptions {
  std::int64_t num_inference_steps = 25;
  double eta = 0.0;
  /// [B,C,F,H,W], unit variance. Replaces the first draw of the noise source, which then is not
  /// made: the fresh noise of the second pass comes first, as in diffusers when `latents` are
  /// given.
  at::Tensor initial_noise{};
  /// Called with the result of each complete pass.
  std::function<void(int pass, const at::Tensor& latents)> on_pass{};
};

/// The result of the last complete pass.
struct FreeInitResult {
  at::Tensor latents;  ///< [B,C,F,H,W]
  int completed_passes = 0;
  bool cancelled = false;  ///< stopped early; `latents` is the last complete pass, never noise
  std::int64_t denoiser_calls = 0;
};

/// Samples with FreeInit: sample, diffuse the result to the last training timestep with the noise
/// the run started from, keep its low frequencies, take the high ones from fresh noise, sample
/// again. With `num_iters == 1` this is plain sampling.
///
/// Draws from `noise`, in this order: initial noise (dtype `dtype`), then per pass the fresh noise
/// (float32) and, with eta > 0, one draw a step; the order of diffusers.
/// Reports Phase::denoise after each step and Phase::reinit before each further pass; either phase
/// also reports step 0 when it begins.
/// No tensor visits the host but those draws. Thread-safe as far as denoiser and noise source are.
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
