#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// Trajectory consistency distillation (arXiv 2402.19159) with the numbers of diffusers 0.42.1's
/// `TCDScheduler`. `eta` in 0..1 is its gamma: 0 draws no noise. Throws Error: invalid_argument
/// (eta, steps beyond `original_inference_steps`).
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_tcd(const NoiseSchedule& schedule,
                                                                   std::int64_t num_inference_steps,
                                                                   double eta = 0.0);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/samplers/tcd_inl.hpp>
#endif
