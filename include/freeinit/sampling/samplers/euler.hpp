#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// Euler's method in sigma space (arXiv 2206.00364, algorithm 2 without churn) with the numbers of
/// diffusers 0.42.1's `EulerDiscreteScheduler` at its defaults. Latents are x_0 + sigma noise;
/// linspace timesteps are not whole numbers. Deterministic: `eta` is ignored. diffusers' default
/// spacing for it is linspace. Throws Error: invalid_argument (steps, `uniform` spacing).
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_euler(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps, double eta = 0.0);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/samplers/euler_inl.hpp>
#endif
