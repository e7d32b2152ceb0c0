#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/numerics/frequency_filter.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {

/// FreeInit's re-initialisation: low frequencies of `diffused`, high frequencies of `fresh`.
///
/// The reference computes real(ifft(fft(diffused) M + fft(fresh) (1 - M))) with three complex FFTs.
/// By linearity, and because taking the real part averages M over k and -k, that equals
///     fresh + irfftn(Ls * rfftn(diffused - fresh)),   Ls(k) = (M(k) + M(-k)) / 2,
/// one real pair. Ls is made once in double and kept as float32 on the device. Always float32: half
/// precision FFTs do not exist on CPUs and only for powers of two on GPUs.
class FREEINIT_API NoiseReinitializer {
 public:
  /// For latents of `frames` x `height` x `width` on `device`. Throws Error: invalid_argument.
  NoiseReinitializer(const FrequencyFilterOptions& options, std::int64_t frames,
                     std::int64_t height, std::int64_t width, at::Device device = at::kCPU);

  /// From any centred mask [frames, height, width] (float, any values). Throws Error:
  /// invalid_argument.
  explicit NoiseReinitializer(const at::Tensor& centred_mask, at::Device device = at::kCPU);

  /// `diffused`, `fresh`: [..., frames, height, width] of one shape, floating point, on the device.
  /// Returns float32 of that shape. Throws Error: invalid_argument (shapes, device, dtype).
  [[nodiscard]] at::Tensor operator()(const at::Tensor& diffused, const at::Tensor& fresh) const;

 private:
  /// Ls, unshifted, float32, on the device: [frames, height, width/2 + 1, 2], each value twice, so
  /// that it multiplies the interleaved spectrum as one plain product.
  at::Tensor half_mask_;
  std::int64_t width_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/numerics/noise_reinitializer_inl.hpp>
#endif
