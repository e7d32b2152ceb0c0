#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// Linear multistep of PNDM (arXiv 2202.09778) with the numbers of diffusers 0.42.1's
/// `PNDMScheduler` at `skip_prk_steps`: the second step is done twice, so n steps have n + 1
/// timesteps. A run from the middle begins with order 1. Deterministic: `eta` is ignored. Throws
/// Error: invalid_argument (also for prediction type sample).
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_pndm(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps, double eta = 0.0);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/samplers/pndm_inl.hpp>
#endif
