#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/numerics/half_mask_inl.hpp>
#include <freeinit/numerics/noise_reinitializer.hpp>

#include <ATen/ops/fft_irfftn.h>
#include <ATen/ops/fft_rfftn.h>
#include <ATen/ops/view_as_real.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr std::int64_t kVideoAxes[] = {-3, -2, -1};

FREEINIT_INLINE at::Tensor video_spectrum(const at::Tensor& video) {
  return at::fft_rfftn(video.to(at::kFloat), std::nullopt, kVideoAxes);
}

/// `width` is not deducible from the half spectrum when it is odd.
FREEINIT_INLINE at::Tensor video_of_spectrum(const at::Tensor& spectrum, std::int64_t width) {
  const std::int64_t sizes[] = {spectrum.size(-3), spectrum.size(-2), width};
  return at::fft_irfftn(spectrum, sizes, kVideoAxes);
}

FREEINIT_INLINE void check_reinit_input(const char* name, const at::Tensor& input,
                                        const at::Tensor& half_mask, std::int64_t width) {
  const auto fail = [&](const std::string& reason) {
    raise(ErrorCode::invalid_argument, c10::str(name, " ", reason));
  };
  if (!input.defined()) fail("undefined: no tensor; expected latents");
  const at::IntArrayRef sizes = input.sizes();
  const std::int64_t n = input.dim();
  if (n < 3 || sizes[n - 3] != half_mask.size(0) || sizes[n - 2] != half_mask.size(1) ||
      sizes[n - 1] != width) {
    fail(c10::str("'", sizes, "': wrong shape; expected [..., ", half_mask.size(0), ", ",
                  half_mask.size(1), ", ", width, "]"));
  }
  if (!input.is_floating_point()) {
    fail(c10::str("'", input.scalar_type(), "': wrong dtype; expected a floating point one"));
  }
  if (input.device() != half_mask.device()) {
    fail(c10::str("'", input.device(), "': wrong device; expected ", half_mask.device()));
  }
}

/// sqrt(1 - M^2) has no value elsewhere.
FREEINIT_INLINE void check_unit_range(const at::Tensor& mask, MixMethod method) {
  const float* const values = mask.const_data_ptr<float>();
  for (std::int64_t i = 0; i < mask.numel(); ++i) {
    if (values[i] >= 0.0F && values[i] <= 1.0F) continue;
    raise(ErrorCode::invalid_argument, c10::str("mask value '", values[i], "': outside the range; ",
                                                "mix ", to_string(method), " expects 0 to 1"));
  }
}

}  // namespace detail

FREEINIT_INLINE NoiseReinitializer::NoiseReinitializer(const FrequencyFilterOptions& options,
                                                       std::int64_t frames, std::int64_t height,
                                                       std::int64_t width, at::Device device,
                                                       const NoiseMixOptions& mix)
    : NoiseReinitializer(frequency_filter_mask(options, frames, height, width), device, mix) {}

FREEINIT_INLINE NoiseReinitializer::NoiseReinitializer(const at::Tensor& centred_mask,
                                                       at::Device device,
                                                       const NoiseMixOptions& mix)
    : mix_(mix) {
  mix.validate();
  const at::Tensor mask = detail::checked_mask(centred_mask);
  width_ = mask.size(2);
  half_mask_ = detail::doubled_half_mask(mask, detail::mask_mean).to(device);
  if (mix.method == MixMethod::freeinit) return;
  detail::check_unit_range(mask, mix.method);
  if (mix.method == MixMethod::variance_preserving) {
    const auto high = [](double a, double b) { return detail::complement((a + b) / 2.0); };
    high_mask_ = detail::doubled_half_mask(mask, high).to(device);
    return;
  }
  // The first branch takes the real plus the imaginary part, the second one minus it.
  const auto low = [](double m) { return m; };
  factors_ = {detail::complex_half_mask(mask, 1.0, low).to(device),
              detail::complex_half_mask(mask, -1.0, low).to(device),
              detail::complex_half_mask(mask, 1.0, detail::complement).to(device),
              detail::complex_half_mask(mask, -1.0, detail::complement).to(device)};
}

FREEINIT_INLINE std::size_t NoiseReinitializer::num_fresh() const noexcept {
  return mix_.method == MixMethod::freqprior ? 4 : 1;
}

FREEINIT_INLINE at::Tensor NoiseReinitializer::operator()(const at::Tensor& diffused,
                                                          at::TensorList fresh) const {
  detail::check_reinit_input("diffused latents", diffused, half_mask_, width_);
  if (fresh.size() != num_fresh()) {
    raise(ErrorCode::invalid_argument, c10::str("fresh noise of '", fresh.size(),
                                                "' tensors: wrong number; expected ", num_fresh()));
  }
  for (const at::Tensor& noise : fresh) {
    detail::check_reinit_input("fresh noise", noise, half_mask_, width_);
    if (noise.sizes() == diffused.sizes()) continue;
    raise(ErrorCode::invalid_argument,
          c10::str("fresh noise '", noise.sizes(), "': wrong shape; expected that of the latents, ",
                   diffused.sizes()));
  }
  if (mix_.method == MixMethod::freqprior) return mix_freqprior(diffused, fresh);
  if (mix_.method == MixMethod::variance_preserving) {
    at::Tensor low = detail::video_spectrum(diffused);
    at::Tensor high = detail::video_spectrum(fresh[0]);
    at::view_as_real(low).mul_(half_mask_);
    at::view_as_real(high).mul_(high_mask_);
    return detail::video_of_spectrum(low.add_(high), width_);
  }
  const at::Tensor high = fresh[0].to(at::kFloat);
  at::Tensor spectrum = detail::video_spectrum(diffused.to(at::kFloat).sub(high));
  at::view_as_real(spectrum).mul_(half_mask_);
  return detail::video_of_spectrum(spectrum, width_).add_(high);
}

FREEINIT_INLINE at::Tensor NoiseReinitializer::low_band(const at::Tensor& latents) const {
  detail::check_reinit_input("latents", latents, half_mask_, width_);
  at::Tensor spectrum = detail::video_spectrum(latents);
  at::view_as_real(spectrum).mul_(half_mask_);
  return detail::video_of_spectrum(spectrum, width_);
}

FREEINIT_INLINE at::Tensor NoiseReinitializer::mix_freqprior(const at::Tensor& diffused,
                                                             at::TensorList fresh) const {
  const double ratio = mix_.ratio;
  const double norm = std::sqrt(1.0 + ratio * ratio);
  const at::Tensor kept = diffused.to(at::kFloat).mul(ratio / norm);
  const auto renewed = [&](const at::Tensor& eta) {
    return kept.add(eta.to(at::kFloat).mul(std::sqrt(1.0 - ratio * ratio) / norm));
  };
  at::Tensor spectrum = detail::video_spectrum(renewed(fresh[0])).mul_(factors_[0]);
  spectrum.add_(detail::video_spectrum(renewed(fresh[1])).mul_(factors_[1]));
  spectrum.add_(detail::video_spectrum(fresh[2]).mul_(factors_[2]));
  spectrum.add_(detail::video_spectrum(fresh[3]).mul_(factors_[3]));
  return detail::video_of_spectrum(spectrum, width_).div_(std::sqrt(2.0));
}

}  // namespace freeinit::inline FREEINIT_ABI
