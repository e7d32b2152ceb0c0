#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <cstdint>
#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// UniPC (arXiv 2302.04867), orders 1 to 3, `bh1` and `bh2`, with the numbers of diffusers 0.42.1's
/// `UniPCMultistepScheduler`. Where that one ends in NaN (`bh1`, `predict_x0` = false or a high
/// order of the last step, with `final_sigmas_type` zero) the last step has order 1. Deterministic:
/// `eta` is ignored. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API std::unique_ptr<const Sampler> make_unipc(
    const NoiseSchedule& schedule, std::int64_t num_inference_steps, double eta = 0.0);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/sampling/samplers/unipc_inl.hpp>
#endif
