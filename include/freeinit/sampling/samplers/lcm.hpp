#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// The sampler of latent consistency models (arXiv 2310.04378) with the numbers of diffusers
/// 0.42.1's `LCMScheduler`: each step predicts the clean sample and noises it anew. `eta` is
/// ignored. Throws Error: invalid_argument (steps beyond `original_inference_steps`).
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_lcm(const NoiseSchedule& schedule,
                                                                   std::int64_t num_inference_steps,
                                                                   double eta = 0.0);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/samplers/lcm_inl.hpp>
#endif
