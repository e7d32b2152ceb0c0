#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/models/video_unet.hpp>
#include <freeinit/numerics/free_init.hpp>

#include <ATen/core/Tensor.h>

#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// Classifier-free guidance around a UNet, as a `Denoiser` for `free_init`.
/// `text`, `negative_text`: [B,L,D]. With `guidance_scale` > 1 one call of the UNet on the batch
/// [negative; positive] and negative + scale (positive - negative), diffusers' order; otherwise one
/// call on `text` alone, and `negative_text` may stay undefined. Throws Error: invalid_argument
/// (scale or fps not finite, shapes).
[[nodiscard]] FREEINIT_API Denoiser guided_denoiser(std::shared_ptr<const VideoUNet> unet,
                                                    const at::Tensor& text,
                                                    const at::Tensor& negative_text,
                                                    double guidance_scale, double fps);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/models/guided_denoiser_inl.hpp>
#endif
