#pragma once

#include <freeinit/sampling/sampler.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <cstdint>

/// One step of a sampler as a function of latents.
[[nodiscard]] inline at::Tensor stepped(const freeinit::Sampler& sampler, std::int64_t index,
                                        const at::Tensor& output, const at::Tensor& latents,
                                        freeinit::NoiseSource& noise) {
  freeinit::SamplerState state(latents, index);
  sampler.step(state, output, noise);
  return state.latents;
}

/// The clean prediction there.
[[nodiscard]] inline at::Tensor predicted(const freeinit::Sampler& sampler, std::int64_t index,
                                          const at::Tensor& output, const at::Tensor& latents) {
  return sampler.pred_original_sample(freeinit::SamplerState(latents, index), output);
}
