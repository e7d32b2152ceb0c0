#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/noise/noise_source.hpp>
#include <freeinit/sampling/sampler.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// All that a FreeInit run knows between two denoiser calls: made by `FreeInit::begin`, changed by
/// `FreeInit::advance`. A run that goes on from a `clone` makes the same bits.
struct FREEINIT_API FreeInitState {
  NoiseSource noise;         ///< the run's generators, at the place of the next draw
  at::Tensor first_noise{};  ///< [B,C,F,H,W] unit variance: results are diffused with it again
  int pass = 0;              ///< the running pass, from 0; the number of passes once all are done
  SamplerState sample{};     ///< of the running pass; its latents are undefined between passes
  at::Tensor latents{};      ///< the clean result of the last complete pass; undefined before
  /// With IntermediateResult::partial what that pass stopped at, in variance-preserving scale, and
  /// its timestep; else undefined.
  at::Tensor partial{};
  NoiseLevel partial_level{};                  ///< signal and noise of `partial`
  std::int64_t calls = 0;                      ///< denoiser calls made
  std::vector<std::int64_t> calls_per_pass{};  ///< of the complete passes

  /// A run of its own from here, with the same bits to come.
  [[nodiscard]] FreeInitState clone() const;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/passes/free_init_state_inl.hpp>
#endif
