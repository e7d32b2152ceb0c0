#pragma once

#include <freeinit/sampling/sampler.hpp>

#include <utility>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE SamplerState::SamplerState(at::Tensor first_latents, std::int64_t first_index)
    : latents(std::move(first_latents)), index(first_index) {}

FREEINIT_INLINE SamplerState SamplerState::clone() const {
  SamplerState copy(latents.defined() ? latents.clone() : at::Tensor{}, index);
  for (const at::Tensor& entry : history) copy.history.push_back(entry.clone());
  return copy;
}

FREEINIT_INLINE SamplerState Sampler::start(const at::Tensor& unit_noise) const {
  const double sigma = init_noise_sigma();
  return SamplerState(sigma == 1.0 ? unit_noise : unit_noise.mul(sigma));
}

}  // namespace freeinit::inline FREEINIT_ABI
