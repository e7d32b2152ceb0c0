#pragma once

// What steps of every sampler are made of.

#include <freeinit/core/error.hpp>
#include <freeinit/options/sampler_config.hpp>

#include <ATen/ops/clamp.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/quantile.h>
#include <c10/util/StringUtil.h>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// `buffer`, made if it is not a tensor of the kind of `like`.
FREEINIT_INLINE at::Tensor& fitted(at::Tensor& buffer, const at::Tensor& like) {
  const bool fits = buffer.defined() && buffer.sizes() == like.sizes() &&
                    buffer.scalar_type() == like.scalar_type() && buffer.device() == like.device();
  if (!fits) buffer = at::empty_like(like);
  return buffer;
}

/// factor * tensor, written to `result`. The factor stands on the left, the reference's form: on
/// the CPU LibTorch then rounds it to half precision first, which a factor on the right escapes.
FREEINIT_INLINE at::Tensor& scale_to(at::Tensor& result, const at::Tensor& factor,
                                     const at::Tensor& tensor) {
  return at::mul_out(fitted(result, tensor), factor, tensor);
}

/// A level without any signal has no x_0 to divide out of a noise prediction; clipping makes the
/// infinite result usable, as in the reference.
FREEINIT_INLINE void check_signal(const SamplerConfig& config, bool clips, double alpha,
                                  double timestep) {
  if (alpha > 0.0 || config.prediction_type != PredictionType::epsilon) return;
  if (config.thresholding || clips) return;
  raise(ErrorCode::invalid_argument,
        c10::str("timestep '", timestep,
                 "': holds no signal (rescale_betas_zero_snr), so epsilon "
                 "prediction divides by 0; expected v_prediction, sample or clip_sample"));
}

/// Both ways of DDIM: from noise to sample, and the inverse, which differs in its levels alone.

/// Dynamic thresholding (arXiv 2205.11487): each video is clamped to a quantile of its magnitudes
/// and divided by it. At least float32 inside, as a quantile needs.
FREEINIT_INLINE at::Tensor threshold_sample(const at::Tensor& sample, double ratio,
                                            double maximum) {
  const bool wide = sample.scalar_type() == at::kFloat || sample.scalar_type() == at::kDouble;
  const at::Tensor flat = (wide ? sample : sample.to(at::kFloat)).flatten(1);
  if (flat.numel() >= (std::int64_t{1} << 24)) {
    raise(ErrorCode::unsupported, c10::str("sample '", sample.sizes(),
                                           "': too large for dynamic thresholding; LibTorch's "
                                           "quantile takes fewer than 2^24 values"));
  }
  const at::Tensor limit = at::clamp(at::quantile(flat.abs(), ratio, 1), 1.0, maximum).unsqueeze(1);
  return at::clamp(flat, limit.neg(), limit)
      .div(limit)
      .reshape(sample.sizes())
      .to(sample.scalar_type());
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
