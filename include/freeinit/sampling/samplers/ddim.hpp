#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// DDIM (arXiv 2010.02502) with the numbers of diffusers 0.42.1, every option included, or with
/// those of VideoCrafter (`uniform`, `dynamic_rescale`, `always_draw_noise`). `eta` in 0..1: 0 is
/// deterministic, 1 has the variance of DDPM. Throws Error: invalid_argument (steps, eta, a level
/// without signal).
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_ddim(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps, double eta = 0.0);

/// The deterministic way back from a sample to its noise, with the numbers of diffusers'
/// `DDIMInverseScheduler`; its steps draw no noise. Throws Error: invalid_argument (also for
/// linspace, which diffusers' inversion does not know).
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_ddim_inverse(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/samplers/ddim_inl.hpp>
#endif
