#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/networks/guidance.hpp>

#include <ATen/OpMathType.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sub.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// A UNet with the cache in front of it, if there is one.
FREEINIT_INLINE Denoiser text_denoiser(std::shared_ptr<const VideoUNet> unet, Conditioning text,
                                       const GuidanceOptions& options) {
  return [unet = std::move(unet), text = std::move(text), fps = options.fps,
          cache = options.feature_cache](const at::Tensor& latents, double timestep) {
    const UNetInput input{.latents = latents, .timestep = timestep, .text = text, .fps = fps};
    return cache ? cache->predict(*unet, input) : unet->predict(input);
  };
}

/// Memory of the denoiser with guidance: made by the first call, written again by later ones.
struct GuidanceBuffers {
  at::Tensor both;    ///< [latents; latents]
  at::Tensor guided;  ///< the prediction
  at::Tensor scale;   ///< on the host, without dimensions, as operations make of a plain number
};

/// Whether `buffer` holds `times` tensors like `one`, one after the other, and may be written:
/// memory made in inference mode may not outside of it.
FREEINIT_INLINE bool holds(const at::Tensor& buffer, std::int64_t times, const at::Tensor& one) {
  return buffer.defined() && buffer.dim() == one.dim() && buffer.size(0) == times * one.size(0) &&
         buffer.sizes().slice(1) == one.sizes().slice(1) &&
         buffer.scalar_type() == one.scalar_type() && buffer.device() == one.device() &&
         (c10::InferenceMode::is_enabled() || !buffer.is_inference());
}

FREEINIT_INLINE const at::Tensor& twice(const at::Tensor& latents, GuidanceBuffers& buffers) {
  if (holds(buffers.both, 2, latents)) return at::cat_out(buffers.both, {latents, latents});
  return buffers.both = at::cat({latents, latents});
}

/// negative + scale (positive - negative)
FREEINIT_INLINE const at::Tensor& guided(const at::Tensor& both, double guidance_scale,
                                         GuidanceBuffers& buffers) {
  const at::NoGradGuard no_grad;
  const std::int64_t batch = both.size(0) / 2;
  const at::Tensor negative = both.narrow(0, 0, batch);
  const at::Tensor positive = both.narrow(0, batch, batch);
  if (!holds(buffers.guided, 1, negative)) {
    buffers.guided = at::empty_like(negative);
    buffers.scale = at::scalar_tensor(guidance_scale, at::toOpMathType(negative.scalar_type()));
  }
  // Not add(..., alpha): a fused multiply-add rounds differently from diffusers.
  return at::sub_out(buffers.guided, positive, negative).mul_(buffers.scale).add_(negative);
}

}  // namespace detail

FREEINIT_INLINE Denoiser guided_denoiser(std::shared_ptr<const VideoUNet> unet,
                                         const Conditioning& text, const at::Tensor& negative_text,
                                         const GuidanceOptions& options) {
  if (!std::isfinite(options.guidance_scale) || !std::isfinite(options.fps)) {
    raise(ErrorCode::invalid_argument, c10::str("guidance scale ", options.guidance_scale, ", fps ",
                                                options.fps, ": expected finite numbers"));
  }
  if (!unet) raise(ErrorCode::invalid_argument, "unet: none; expected one to guide");
  detail::check_embedding("text embedding", text.at_frame(0.0));
  const Denoiser positive = detail::text_denoiser(unet, text, options);
  if (options.guidance_scale <= 1.0) return positive;
  const Denoiser both = detail::text_denoiser(std::move(unet), text.after(negative_text), options);
  return [positive, both, interval = options.interval, buffers = detail::GuidanceBuffers{},
          scale = options.guidance_scale](const at::Tensor& latents, double timestep) mutable {
    if (!interval.contains(timestep)) return positive(latents, timestep);
    return detail::guided(both(detail::twice(latents, buffers), timestep), scale, buffers);
  };
}

}  // namespace freeinit::inline FREEINIT_ABI
