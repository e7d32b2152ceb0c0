#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// Euler's method with new noise in every step, in sigma space, with the numbers of diffusers
/// 0.42.1's `EulerAncestralDiscreteScheduler`; it can also predict the sample, which that one does
/// not know. The noise is the method's own: `eta` is ignored. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_euler_ancestral(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps, double eta = 0.0);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/samplers/euler_ancestral_inl.hpp>
#endif
