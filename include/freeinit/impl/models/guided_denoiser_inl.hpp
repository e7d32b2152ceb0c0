#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/models/guided_denoiser.hpp>

#include <ATen/ops/cat.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE Denoiser guided_denoiser(std::shared_ptr<const VideoUNet> unet,
                                         const at::Tensor& text, const at::Tensor& negative_text,
                                         double guidance_scale, double fps) {
  if (!std::isfinite(guidance_scale) || !std::isfinite(fps)) {
    raise(ErrorCode::invalid_argument,
          c10::str("guidance scale ", guidance_scale, ", fps ", fps, ": expected finite numbers"));
  }
  if (guidance_scale <= 1.0) {
    return [unet = std::move(unet), text, fps](const at::Tensor& latents, std::int64_t timestep) {
      return unet->predict(latents, timestep, text, fps);
    };
  }
  if (!negative_text.defined() || negative_text.sizes() != text.sizes()) {
    raise(ErrorCode::invalid_argument,
          c10::str("negative text embedding ",
                   negative_text.defined() ? c10::str(negative_text.sizes()) : "(none)",
                   ": expected the shape of the text, ", text.sizes()));
  }
  return [unet = std::move(unet), both = at::cat({negative_text, text}), guidance_scale, fps](
             const at::Tensor& latents, std::int64_t timestep) {
    const at::Tensor output = unet->predict(at::cat({latents, latents}), timestep, both, fps);
    const std::int64_t batch = latents.size(0);
    const at::Tensor negative = output.narrow(0, 0, batch);
    const at::Tensor positive = output.narrow(0, batch, batch);
    // Not add(..., alpha): a fused multiply-add rounds differently from diffusers.
    return negative.add(positive.sub(negative).mul(guidance_scale));
  };
}

}  // namespace freeinit::inline FREEINIT_ABI
