#pragma once

#include <freeinit/core/config.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// What a pass that is not the last hands to the next re-initialisation. Only its low band is used,
/// and that settles in the first steps: a pass need not run to its end.
///
/// `full`: the complete sample, diffused to the last training timestep (FreeInit).
/// `partial`: the sample where the pass stopped, noised on from there (the bridge of FreqPrior, see
/// Scheduler::add_noise_between).
/// `prediction`: the clean prediction of the last denoiser call made (`pred_original_sample`),
/// diffused like a complete sample. That call is not followed by a step, so draws no noise.
enum class IntermediateResult { full, partial, prediction };

/// Throws Error: invalid_argument with the known names.
[[nodiscard]] FREEINIT_API IntermediateResult
intermediate_result_from_string(std::string_view name);
[[nodiscard]] FREEINIT_API std::string_view to_string(IntermediateResult result) noexcept;

/// Where every pass but the last ends. `partial` and `prediction` need `steps`, `stop_timestep` or
/// `pass_tolerance`; with several, whatever comes first ends the pass. `full` takes none of them.
struct IntermediatePassOptions {
  IntermediateResult result = IntermediateResult::full;
  /// Denoiser calls of each pass, at least 1 and at most the steps of that pass.
  std::optional<std::int64_t> steps{};
  /// The pass ends before its first timestep <= this one (FreqPrior's `mid_step`, which must be one
  /// of the timesteps); below the last timestep the pass is complete.
  std::optional<std::int64_t> stop_timestep{};
  /// The pass ends when the low band of the clean prediction changes from one call to the next by
  /// at most this much of its own norm. Costs a pair of FFTs and one number read by the host per
  /// call, which makes the host wait for the device.
  std::optional<double> pass_tolerance{};
  /// Steps of the whole grid of these passes, if other than those of the last pass.
  std::optional<std::int64_t> num_inference_steps{};

  /// Throws Error: invalid_argument.
  FREEINIT_API void validate() const;

  friend bool operator==(const IntermediatePassOptions&, const IntermediatePassOptions&) = default;
};

/// What a run may cost, the inversion of a real video included. The last pass always runs whole, so
/// a budget below its steps is refused; the passes before it get what is left: `partial` and
/// `prediction` end when it is used up, a `full` one is begun only if it fits.
struct SamplingBudget {
  std::optional<std::int64_t> calls{};  ///< denoiser calls; never exceeded
  /// Wall time from the first draw on. Kept by forecast, with the mean time of the calls so far:
  /// no further intermediate call is made when the last pass would not fit behind it. The first
  /// call and the last pass are always made. The host waits for the device once per call of an
  /// intermediate pass.
  std::optional<double> seconds{};
  /// Seconds of a clock that never runs backwards; empty: std::chrono::steady_clock.
  std::function<double()> clock{};

  /// Seconds of the clock.
  [[nodiscard]] FREEINIT_API double now() const;

  /// Throws Error: invalid_argument.
  FREEINIT_API void validate() const;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/numerics/intermediate_passes_inl.hpp>
#endif
