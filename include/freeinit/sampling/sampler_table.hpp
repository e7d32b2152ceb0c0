#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// One sampler that `SamplerConfig::sampler` can name.
struct SamplerRow {
  std::string_view name;        ///< "ddim": on the command line and in `SamplerConfig`
  std::string_view class_name;  ///< "DDIMScheduler": in diffusers' files and in manifests
  /// Throws Error: invalid_argument (steps, eta, settings that the sampler cannot use).
  std::unique_ptr<const Sampler> (*make)(const NoiseSchedule& schedule,
                                         std::int64_t num_inference_steps, double eta);
  unsigned uses;  ///< groups of settings that it knows; others are refused unless at their default
  bool uses_eta = false;  ///< whether `eta` makes a difference; who does not know it ignores it
};

/// Every sampler. A new one is a file in `samplers/` and a row here.
[[nodiscard]] FREEINIT_API std::span<const SamplerRow> sampler_table() noexcept;

/// The row of a name or class name. Throws Error: invalid_argument with the known names.
[[nodiscard]] FREEINIT_API const SamplerRow& find_sampler(std::string_view name);

/// The same model with another sampler: what belonged to its own sampler alone goes back to the
/// default, betas, prediction type and grid stay. Without change for the sampler that it names
/// already. Throws Error: invalid_argument (unknown name).
[[nodiscard]] FREEINIT_API SamplerConfig with_sampler(const SamplerConfig& config,
                                                      std::string_view name);

/// The sampler that `schedule.config().sampler` names, for a number of steps. `eta` in 0..1 is the
/// share of noise that a step adds; samplers without such noise ignore it. Throws Error:
/// invalid_argument.
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_sampler(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps, double eta = 0.0);

/// `make_sampler` for any number of steps. The schedule must outlive the function.
[[nodiscard]] FREEINIT_API SamplerFactory sampler_factory(const NoiseSchedule& schedule,
                                                          double eta = 0.0);
SamplerFactory sampler_factory(NoiseSchedule&&, double = 0.0) = delete;

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/sampler_table_inl.hpp>
#endif
