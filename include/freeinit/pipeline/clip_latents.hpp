#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/networks/autoencoder.hpp>
#include <freeinit/tensors/video_frames.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {

/// Frames of a real video [F,H,W,3] uint8 as latents [1,C,F,height/scale,width/scale] float32 on
/// the CPU: `fit_frames` to height x width, then the mean of the encoder's distribution (no
/// sampling, so nothing is drawn). Reports Phase::encode, counting frames. Throws Error:
/// invalid_argument, unsupported (no encoder), model, cancelled.
[[nodiscard]] FREEINIT_API at::Tensor encode_clip(const Autoencoder& autoencoder,
                                                  const at::Tensor& frames, std::int64_t height,
                                                  std::int64_t width,
                                                  const RunControl& control = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/pipeline/clip_latents_inl.hpp>
#endif
