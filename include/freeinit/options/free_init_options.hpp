#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/options/frequency_filter_options.hpp>
#include <freeinit/options/noise_mix_options.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Whose rules a run follows where implementations differ.
/// `diffusers`: coarse-to-fine steps are at least 1.
/// `official`: the authors' code; fewer coarse-to-fine steps than passes is refused, since the
/// original divides by zero there.
enum class Profile { diffusers, official };

/// diffusers, official. Throws Error: invalid_argument with the known names.
[[nodiscard]] FREEINIT_API Profile profile_from_string(std::string_view name);
/// Its name in files and on the command line.
[[nodiscard]] FREEINIT_API std::string_view to_string(Profile profile) noexcept;

/// What a pass that is not the last hands to the next re-initialisation. Only its low band is used,
/// and that settles in the first steps: a pass need not run to its end.
///
/// `full`: the complete sample, diffused to the last training timestep (FreeInit).
/// `partial`: the sample where the pass stopped, noised on from there (the bridge of FreqPrior, see
/// NoiseSchedule::add_noise_between).
/// `prediction`: the clean prediction of the last denoiser call made (`pred_original_sample`),
/// diffused like a complete sample. That call is not followed by a step, so draws no noise.
enum class IntermediateResult { full, partial, prediction };

/// full, partial, prediction. Throws Error: invalid_argument with the known names.
[[nodiscard]] FREEINIT_API IntermediateResult
intermediate_result_from_string(std::string_view name);
/// Its name in files and on the command line.
[[nodiscard]] FREEINIT_API std::string_view to_string(IntermediateResult result) noexcept;

/// Where every pass but the last ends.
struct IntermediatePassOptions {
  IntermediateResult result = IntermediateResult::full;  ///< what such a pass hands on
  /// Denoiser calls of each pass, at least 1 and at most the steps of that pass. `partial` and
  /// `prediction` need it, `full` takes none.
  std::optional<std::int64_t> steps{};

  /// Throws Error: invalid_argument.
  FREEINIT_API void validate() const;

  friend bool operator==(const IntermediatePassOptions&, const IntermediatePassOptions&) = default;
};

/// Settings of FreeInit (arXiv 2312.07537). What stands below `profile` goes beyond the paper and
/// is off by default.
struct FreeInitOptions {
  std::int64_t num_iters = 3;  ///< sampling passes; 1 = plain sampling, as in the authors' code
  /// Entry k is for re-initialisation k (before pass k + 2), the last entry for all after it; at
  /// least one.
  std::vector<FrequencyFilterOptions> filters = std::vector<FrequencyFilterOptions>(1);
  bool fast_sampling = false;  ///< coarse to fine: pass i runs int(n / num_iters * (i + 1)) steps
  /// Whose rules where diffusers and the authors' code differ.
  Profile profile = Profile::diffusers;

  NoiseMixOptions mix{};                   ///< how the low and the high band are put together
  IntermediatePassOptions intermediate{};  ///< where passes before the last end
  /// Denoiser calls of the run at most. The last pass always runs whole, so less than its steps is
  /// refused; the passes before it get what is left: `partial` and `prediction` end when it is used
  /// up, a `full` one is begun only if it fits.
  std::optional<std::int64_t> budget_calls{};

  /// Throws Error: invalid_argument.
  FREEINIT_API void validate() const;

  friend bool operator==(const FreeInitOptions&, const FreeInitOptions&) = default;
};

/// Steps of each pass's grid. Throws Error: invalid_argument (see Profile).
[[nodiscard]] FREEINIT_API std::vector<std::int64_t> steps_per_pass(
    const FreeInitOptions& options, std::int64_t num_inference_steps);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/options/free_init_options_inl.hpp>
#endif
