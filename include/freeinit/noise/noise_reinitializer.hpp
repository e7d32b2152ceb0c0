#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/noise/frequency_filter.hpp>
#include <freeinit/noise/noise_mix.hpp>
#include <freeinit/noise/noise_source.hpp>

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// FreeInit's re-initialisation: low frequencies of `diffused`, high frequencies of `fresh`.
///
/// The reference computes real(ifft(fft(diffused) M + fft(fresh) (1 - M))) with three complex FFTs.
/// By linearity, and because taking the real part averages M over k and -k, that equals
///     fresh + ifftn(Ls * fftn(diffused - fresh)),   Ls(k) = (M(k) + M(-k)) / 2,
/// and Ls, as it is even, keeps real and imaginary parts apart: two channels are transformed as one
/// complex video, so a video of two channels costs one FFT pair. Ls is made once in double and kept
/// as float32 on the device. Always float32: half precision FFTs do not exist on CPUs and only for
/// powers of two on GPUs.
///
/// The other mixes (NoiseMixOptions) are done in the same way: variance_preserving with two
/// transforms forward and one back; freqprior with four and one, because Re y + Im y and Re y - Im
/// y are what a spectrum times Ls - i La and Ls + i La transforms back to.
class FREEINIT_API NoiseReinitializer {
 public:
  /// For latents of `frames` x `height` x `width` on `device`. Throws Error: invalid_argument.
  NoiseReinitializer(const FrequencyFilterOptions& options, std::int64_t frames,
                     std::int64_t height, std::int64_t width, at::Device device = at::kCPU,
                     const NoiseMixOptions& mix = {});

  /// From any centred mask [frames, height, width] (floating point; 0..1 where the mix takes
  /// sqrt(1 - M^2)). Throws Error: invalid_argument.
  explicit NoiseReinitializer(const at::Tensor& centred_mask, at::Device device = at::kCPU,
                              const NoiseMixOptions& mix = {});

  /// How many tensors of fresh noise one call takes: 1, or 4 for freqprior.
  [[nodiscard]] std::size_t num_fresh() const noexcept;

  /// The fresh noise of one call: `num_fresh` float32 tensors of `shape` on the device, drawn in
  /// order. Throws Error as `NoiseSource::draw`.
  [[nodiscard]] std::vector<at::Tensor> draw_fresh(NoiseSource& noise, at::IntArrayRef shape) const;

  /// `diffused`, `fresh`: [..., frames, height, width] of one shape, floating point, on the device.
  /// `fresh` is one tensor, or with freqprior a list of eta_1, eta_2, y_1, y_2 in this order.
  /// Returns float32 of that shape. Throws Error: invalid_argument (number, shapes, device, dtype).
  [[nodiscard]] at::Tensor operator()(const at::Tensor& diffused, at::TensorList fresh) const;

  /// What the filter keeps of `latents`: ifftn(Ls * fftn(latents)), float32. Throws as above.
  [[nodiscard]] at::Tensor low_band(const at::Tensor& latents) const;

 private:
  /// Videos in pairs are [pairs, 2, frames, height, width].
  [[nodiscard]] at::Tensor mixed_pairs(const at::Tensor& diffused, at::TensorList fresh) const;
  [[nodiscard]] at::Tensor freqprior_pairs(const at::Tensor& diffused, at::TensorList fresh) const;
  [[nodiscard]] at::Tensor low_pairs(const at::Tensor& pairs) const;

  NoiseMixOptions mix_;
  /// Ls, unshifted, float32, on the device: [frames, height, width, 2], each value twice, so that
  /// it multiplies the interleaved spectrum as one plain product.
  at::Tensor low_mask_;
  /// variance_preserving: sqrt(1 - Ls^2) in the same form.
  at::Tensor high_mask_;
  /// freqprior: the complex factors [frames, height, width] of x_1, x_2, y_1 and y_2.
  std::vector<at::Tensor> factors_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/noise/noise_reinitializer_inl.hpp>
#endif
