#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/models/guided_denoiser.hpp>

#include <ATen/ops/cat.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// A UNet with the cache in front of it, if there is one.
FREEINIT_INLINE Denoiser text_denoiser(std::shared_ptr<const VideoUNet> unet, at::Tensor text,
                                       const GuidanceOptions& options) {
  return [unet = std::move(unet), text = std::move(text), fps = options.fps,
          cache = options.feature_cache](const at::Tensor& latents, std::int64_t timestep) {
    return cache ? cache->predict(*unet, latents, timestep, text, fps)
                 : unet->predict(latents, timestep, text, fps);
  };
}

FREEINIT_INLINE at::Tensor guided(const at::Tensor& both, double guidance_scale) {
  const std::int64_t batch = both.size(0) / 2;
  const at::Tensor negative = both.narrow(0, 0, batch);
  const at::Tensor positive = both.narrow(0, batch, batch);
  // Not add(..., alpha): a fused multiply-add rounds differently from diffusers.
  return negative.add(positive.sub(negative).mul(guidance_scale));
}

}  // namespace detail

FREEINIT_INLINE Denoiser guided_denoiser(std::shared_ptr<const VideoUNet> unet,
                                         const at::Tensor& text, const at::Tensor& negative_text,
                                         const GuidanceOptions& options) {
  if (!std::isfinite(options.guidance_scale) || !std::isfinite(options.fps)) {
    raise(ErrorCode::invalid_argument, c10::str("guidance scale ", options.guidance_scale, ", fps ",
                                                options.fps, ": expected finite numbers"));
  }
  const Denoiser positive = detail::text_denoiser(unet, text, options);
  if (options.guidance_scale <= 1.0) return positive;
  if (!negative_text.defined() || negative_text.sizes() != text.sizes()) {
    raise(ErrorCode::invalid_argument,
          c10::str("negative text embedding ",
                   negative_text.defined() ? c10::str(negative_text.sizes()) : "(none)",
                   ": expected the shape of the text, ", text.sizes()));
  }
  const Denoiser both =
      detail::text_denoiser(std::move(unet), at::cat({negative_text, text}), options);
  return [positive, both, interval = options.interval, scale = options.guidance_scale](
             const at::Tensor& latents, std::int64_t timestep) {
    if (!interval.contains(timestep)) return positive(latents, timestep);
    return detail::guided(both(at::cat({latents, latents}), timestep), scale);
  };
}

}  // namespace freeinit::inline FREEINIT_ABI
