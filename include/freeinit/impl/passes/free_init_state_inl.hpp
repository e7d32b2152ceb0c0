#pragma once

#include <freeinit/passes/free_init_state.hpp>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE FreeInitState FreeInitState::clone() const {
  // Only `sample` is written to in place; the other tensors are replaced as a whole.
  return {.noise = NoiseSource::from_state(noise.state()),
          .first_noise = first_noise,
          .pass = pass,
          .sample = sample.clone(),
          .latents = latents,
          .partial = partial,
          .partial_level = partial_level,
          .calls = calls,
          .calls_per_pass = calls_per_pass};
}

}  // namespace freeinit::inline FREEINIT_ABI
