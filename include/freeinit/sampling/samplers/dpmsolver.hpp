#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// DPM-Solver++ (arXiv 2211.01095), orders 1 to 3, with the numbers of diffusers 0.42.1's
/// `DPMSolverMultistepScheduler`: `algorithm_type`, `solver_type`, `solver_order`,
/// `lower_order_final`, `euler_at_final`, `final_sigmas_type`, every spacing of sigmas. `eta` is
/// ignored: `sde-dpmsolver++` draws noise in every step. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_dpmsolver(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps, double eta = 0.0);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/samplers/dpmsolver_inl.hpp>
#endif
