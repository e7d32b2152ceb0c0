#pragma once

#include <freeinit/pipeline/clip_latents.hpp>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE at::Tensor encode_clip(const Autoencoder& autoencoder, const at::Tensor& frames,
                                       std::int64_t height, std::int64_t width) {
  const at::Tensor fitted = fit_frames(frames, height, width).unsqueeze(0);
  return encode_video(autoencoder, fitted.to(at::kFloat).div(255.0)).to(at::kCPU);
}

}  // namespace freeinit::inline FREEINIT_ABI
