#pragma once

#include <freeinit/bundle/specs.hpp>
#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

namespace freeinit::inline FREEINIT_ABI {

/// What `latents` [B,C,F,h,w] as sampled (floating point, any device) show, without the
/// autoencoder: a pixel for each latent position, by the linear map of `Manifest::latent_rgb`. Good
/// enough to see what becomes of a run; RunHooks::on_prediction has what to show. Returns
/// [B,F,h,w,3] float32 in 0..1, on the CPU. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API at::Tensor latents_to_rgb(const at::Tensor& latents,
                                                     const LatentRgbSpec& map);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/latent_rgb_inl.hpp>
#endif
