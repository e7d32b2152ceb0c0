#pragma once

#include <freeinit/core/config.hpp>

#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// How the low band of the diffused latents and the high band of fresh noise become one noise. With
/// the mask M (1 keeps a frequency), Ls(k) = (M(k) + M(-k)) / 2, D and N the two spectra:
///
/// `freeinit`: Ls D + (1 - Ls) N (arXiv 2312.07537). Loses variance wherever 0 < Ls < 1, half of
/// it at Ls = 1/2.
/// `variance_preserving`: Ls D + sqrt(1 - Ls^2) N. White inputs of unit variance give unit variance
/// at every frequency and every size.
/// `freqprior`: two mixes M X_j + sqrt(1 - M^2) N_j of partly renewed latents
/// x_j = (r diffused + sqrt(1 - r^2) eta_j) / sqrt(1 + r^2), put together as
/// [(Re y_1 + Im y_1) + (Re y_2 - Im y_2)] / sqrt(2) (arXiv 2502.03496).
enum class MixMethod { freeinit, variance_preserving, freqprior };

/// freeinit, variance-preserving, freqprior. Throws Error:
/// invalid_argument with the known names.
[[nodiscard]] FREEINIT_API MixMethod mix_method_from_string(std::string_view name);
/// Its name in files and on the command line.
[[nodiscard]] FREEINIT_API std::string_view to_string(MixMethod method) noexcept;

/// Settings of the mix.
struct NoiseMixOptions {
  MixMethod method = MixMethod::freeinit;  ///< how the low and the high band are put together
  double ratio = 0.8;  ///< r of FreqPrior in 0..1: the share of old noise; the others ignore it

  /// Throws Error: invalid_argument.
  FREEINIT_API void validate() const;

  friend bool operator==(const NoiseMixOptions&, const NoiseMixOptions&) = default;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/options/noise_mix_options_inl.hpp>
#endif
