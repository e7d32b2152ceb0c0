#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// The way back from a clean sample to its noise: `make_ddim_inverse`, on the trailing grid for
/// linspace, which diffusers' inversion does not know and which ends at the same timestep. Throws
/// Error: invalid_argument.
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_inversion(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/inversion_inl.hpp>
#endif
