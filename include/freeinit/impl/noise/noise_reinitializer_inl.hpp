#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/noise/noise_mix_inl.hpp>
#include <freeinit/impl/noise/spectral_factor_inl.hpp>
#include <freeinit/noise/noise_reinitializer.hpp>

#include <ATen/ops/complex.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/fft_fftn.h>
#include <ATen/ops/fft_ifftn.h>
#include <ATen/ops/view_as_real.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr std::int64_t kVideoAxes[] = {-3, -2, -1};

/// Videos [..., frames, height, width] two by two: float32 [pairs, 2, frames, height, width]. One
/// that is left over goes with zeros.
FREEINIT_INLINE at::Tensor in_pairs(const at::Tensor& videos) {
  const at::IntArrayRef size = videos.sizes().slice(videos.dim() - 3);
  at::Tensor flat = videos.to(at::kFloat).reshape({-1, size[0], size[1], size[2]});
  if (flat.size(0) % 2 != 0) flat = at::constant_pad_nd(flat, {0, 0, 0, 0, 0, 0, 0, 1});
  return flat.view({-1, 2, size[0], size[1], size[2]});
}

/// The way back from `in_pairs`, to `sizes`.
FREEINIT_INLINE at::Tensor out_of_pairs(const at::Tensor& pairs, at::IntArrayRef sizes) {
  const auto count = c10::multiply_integers(sizes.slice(0, sizes.size() - 3));
  return pairs.flatten(0, 1).narrow(0, 0, count).reshape(sizes);
}

/// One complex transform a pair, [pairs, frames, height, width].
FREEINIT_INLINE at::Tensor pair_spectrum(const at::Tensor& pairs) {
  const at::Tensor both = at::complex(pairs.select(1, 0), pairs.select(1, 1));
  return at::fft_fftn(both, std::nullopt, kVideoAxes);
}

/// The pairs of a spectrum, as a view [pairs, 2, frames, height, width].
FREEINIT_INLINE at::Tensor pairs_of_spectrum(const at::Tensor& spectrum) {
  return at::view_as_real(at::fft_ifftn(spectrum, std::nullopt, kVideoAxes)).movedim(-1, 1);
}

FREEINIT_INLINE void check_reinit_input(const char* name, const at::Tensor& input,
                                        const at::Tensor& mask) {
  const auto fail = [&](const std::string& reason) {
    raise(ErrorCode::invalid_argument, c10::str(name, " ", reason));
  };
  if (!input.defined()) fail("undefined: no tensor; expected latents");
  const at::IntArrayRef video = mask.sizes().slice(0, 3);
  const at::IntArrayRef sizes = input.sizes();
  const std::int64_t n = input.dim();
  if (n < 3 || sizes.slice(n - 3) != video) {
    fail(c10::str("'", sizes, "': wrong shape; expected [..., ", video[0], ", ", video[1], ", ",
                  video[2], "]"));
  }
  if (!input.is_floating_point()) {
    fail(c10::str("'", input.scalar_type(), "': wrong dtype; expected a floating point one"));
  }
  if (input.device() != mask.device()) {
    fail(c10::str("'", input.device(), "': wrong device; expected ", mask.device()));
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
  detail::check_mask_for_mix(mask, mix.method);
  low_mask_ = detail::real_factor(mask, detail::mask_mean).to(device);
  if (mix.method == MixMethod::freeinit) return;
  if (mix.method == MixMethod::variance_preserving) {
    const auto high = [](double a, double b) { return detail::complement((a + b) / 2.0); };
    high_mask_ = detail::real_factor(mask, high).to(device);
    return;
  }
  // The first branch takes the real plus the imaginary part, the second one minus it.
  const auto low = [](double m) { return m; };
  factors_ = {detail::complex_factor(mask, 1.0, low).to(device),
              detail::complex_factor(mask, -1.0, low).to(device),
              detail::complex_factor(mask, 1.0, detail::complement).to(device),
              detail::complex_factor(mask, -1.0, detail::complement).to(device)};
}

FREEINIT_INLINE std::size_t NoiseReinitializer::num_fresh() const noexcept {
  return mix_.method == MixMethod::freqprior ? 4 : 1;
}

FREEINIT_INLINE std::vector<at::Tensor> NoiseReinitializer::draw_fresh(
    NoiseSource& noise, at::IntArrayRef shape) const {
  std::vector<at::Tensor> fresh;
  while (fresh.size() < num_fresh()) {
    fresh.push_back(noise.draw(shape, at::kFloat, low_mask_.device()));
  }
  return fresh;
}

FREEINIT_INLINE at::Tensor NoiseReinitializer::operator()(const at::Tensor& diffused,
                                                          at::TensorList fresh) const {
  detail::check_reinit_input("diffused latents", diffused, low_mask_);
  if (fresh.size() != num_fresh()) {
    raise(ErrorCode::invalid_argument, c10::str("fresh noise of '", fresh.size(),
                                                "' tensors: wrong number; expected ", num_fresh()));
  }
  for (const at::Tensor& noise : fresh) {
    detail::check_reinit_input("fresh noise", noise, low_mask_);
    if (noise.sizes() == diffused.sizes()) continue;
    raise(ErrorCode::invalid_argument,
          c10::str("fresh noise '", noise.sizes(), "': wrong shape; expected that of the latents, ",
                   diffused.sizes()));
  }
  return detail::out_of_pairs(mixed_pairs(diffused, fresh), diffused.sizes());
}

FREEINIT_INLINE at::Tensor NoiseReinitializer::mixed_pairs(const at::Tensor& diffused,
                                                           at::TensorList fresh) const {
  switch (mix_.method) {
    case MixMethod::freeinit: {
      const at::Tensor high = detail::in_pairs(fresh[0]);
      return high.add(low_pairs(detail::in_pairs(diffused).sub(high)));
    }
    case MixMethod::variance_preserving: {
      at::Tensor low = detail::pair_spectrum(detail::in_pairs(diffused));
      at::Tensor high = detail::pair_spectrum(detail::in_pairs(fresh[0]));
      at::view_as_real(low).mul_(low_mask_);
      at::view_as_real(high).mul_(high_mask_);
      return detail::pairs_of_spectrum(low.add_(high));
    }
    case MixMethod::freqprior:
      return freqprior_pairs(diffused, fresh);
  }
  raise(ErrorCode::internal, "mix method: not a value of its enumeration");
}

FREEINIT_INLINE at::Tensor NoiseReinitializer::low_band(const at::Tensor& latents) const {
  detail::check_reinit_input("latents", latents, low_mask_);
  return detail::out_of_pairs(low_pairs(detail::in_pairs(latents)), latents.sizes());
}

FREEINIT_INLINE at::Tensor NoiseReinitializer::low_pairs(const at::Tensor& pairs) const {
  at::Tensor spectrum = detail::pair_spectrum(pairs);
  at::view_as_real(spectrum).mul_(low_mask_);
  return detail::pairs_of_spectrum(spectrum);
}

FREEINIT_INLINE at::Tensor NoiseReinitializer::freqprior_pairs(const at::Tensor& diffused,
                                                               at::TensorList fresh) const {
  const double ratio = mix_.ratio;
  const double norm = std::sqrt(1.0 + ratio * ratio);
  const at::Tensor kept = detail::in_pairs(diffused).mul(ratio / norm);
  const auto renewed = [&](const at::Tensor& eta) {
    return kept.add(detail::in_pairs(eta).mul(std::sqrt(1.0 - ratio * ratio) / norm));
  };
  at::Tensor spectrum = detail::pair_spectrum(renewed(fresh[0])).mul_(factors_[0]);
  spectrum.add_(detail::pair_spectrum(renewed(fresh[1])).mul_(factors_[1]));
  spectrum.add_(detail::pair_spectrum(detail::in_pairs(fresh[2])).mul_(factors_[2]));
  spectrum.add_(detail::pair_spectrum(detail::in_pairs(fresh[3])).mul_(factors_[3]));
  return detail::pairs_of_spectrum(spectrum).div_(std::sqrt(2.0));
}

}  // namespace freeinit::inline FREEINIT_ABI
