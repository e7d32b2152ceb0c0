#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// Heun's method in sigma space (arXiv 2206.00364, algorithm 2 without churn) with the numbers of
/// diffusers 0.42.1's `HeunDiscreteScheduler`: two denoiser calls for every step but the last, so
/// n steps have 2 n - 1 timesteps. Deterministic: `eta` is ignored. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_heun(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps, double eta = 0.0);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/samplers/heun_inl.hpp>
#endif
