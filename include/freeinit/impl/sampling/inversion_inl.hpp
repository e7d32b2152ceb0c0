#pragma once

#include <freeinit/sampling/inversion.hpp>
#include <freeinit/sampling/samplers/ddim.hpp>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE std::unique_ptr<const Sampler> make_inversion(const NoiseSchedule& schedule,
                                                              std::int64_t num_inference_steps) {
  SamplerConfig config = schedule.config();
  if (config.timestep_spacing != TimestepSpacing::linspace) {
    return make_ddim_inverse(schedule, num_inference_steps);
  }
  config.timestep_spacing = TimestepSpacing::trailing;
  return make_ddim_inverse(NoiseSchedule(config), num_inference_steps);
}

}  // namespace freeinit::inline FREEINIT_ABI
