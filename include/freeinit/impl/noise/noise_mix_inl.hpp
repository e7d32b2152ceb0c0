#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/noise/spectral_factor_inl.hpp>
#include <freeinit/noise/noise_mix.hpp>

#include <c10/util/StringUtil.h>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Variance at the frequency k, summed with that at -k and halved, for white inputs.
FREEINIT_INLINE double variance_at(const NoiseMixOptions& mix, double here, double there) {
  const double low = mask_mean(here, there);
  switch (mix.method) {
    case MixMethod::freeinit:
      return low * low + (1.0 - low) * (1.0 - low);
    case MixMethod::variance_preserving:
      return 1.0;
    case MixMethod::freqprior: {
      const double square = mix.ratio * mix.ratio;
      const double odd = (here - there) / 2.0;
      return 1.0 - 2.0 * square / (1.0 + square) * odd * odd;
    }
  }
  raise(ErrorCode::internal, "mix method: not a value of its enumeration");
}

/// The mixes that take sqrt(1 - M^2) have no value for a mask outside 0..1. `mask`: checked_mask.
FREEINIT_INLINE void check_mask_for_mix(const at::Tensor& mask, MixMethod method) {
  if (method == MixMethod::freeinit) return;
  const float* const values = mask.const_data_ptr<float>();
  for (std::int64_t i = 0; i < mask.numel(); ++i) {
    if (values[i] >= 0.0F && values[i] <= 1.0F) continue;
    raise(ErrorCode::invalid_argument, c10::str("mask value '", values[i], "': outside the range; ",
                                                "mix ", to_string(method), " expects 0 to 1"));
  }
}

}  // namespace detail

FREEINIT_INLINE double mix_variance(const at::Tensor& centred_mask, const NoiseMixOptions& mix) {
  mix.validate();
  const at::Tensor mask = detail::checked_mask(centred_mask);
  double sum = 0.0;
  detail::visit_mirrored(
      mask, [&](double here, double there) { sum += detail::variance_at(mix, here, there); });
  return sum / static_cast<double>(mask.numel());
}

}  // namespace freeinit::inline FREEINIT_ABI
