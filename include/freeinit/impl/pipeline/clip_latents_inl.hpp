#pragma once

#include <freeinit/impl/networks/library_error_inl.hpp>
#include <freeinit/pipeline/clip_latents.hpp>

#include <c10/util/StringUtil.h>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE at::Tensor encode_clip(const Autoencoder& autoencoder, const at::Tensor& frames,
                                       std::int64_t height, std::int64_t width,
                                       const RunControl& control) {
  return detail::with_library_errors(c10::str("clip for ", width, "x", height), [&] {
    const at::Tensor fitted = fit_frames(frames, height, width).unsqueeze(0);
    return encode_video(autoencoder, fitted.to(at::kFloat).div(255.0), {}, control).to(at::kCPU);
  });
}

}  // namespace freeinit::inline FREEINIT_ABI
