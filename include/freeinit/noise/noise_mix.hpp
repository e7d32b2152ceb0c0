#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/options/noise_mix_options.hpp>

#include <ATen/core/Tensor.h>

namespace freeinit::inline FREEINIT_ABI {

/// The variance of the mixed noise when all inputs are independent, white and of unit variance: the
/// mean over all frequencies of
///     freeinit              Ls^2 + (1 - Ls)^2
///     variance_preserving   1
///     freqprior             1 - 2 r^2 / (1 + r^2) La^2,   La(k) = (M(k) - M(-k)) / 2
/// La is 0 for a mask that is symmetric about frequency zero: those of FilterVariant::strict, and
/// the official ones but `box` at even sizes.
/// `centred_mask`: [frames, height, width], floating point. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API double mix_variance(const at::Tensor& centred_mask,
                                               const NoiseMixOptions& mix);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/noise/noise_mix_inl.hpp>
#endif
