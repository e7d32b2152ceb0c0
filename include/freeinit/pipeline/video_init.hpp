#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/networks/autoencoder.hpp>
#include <freeinit/numerics/video_frames.hpp>
#include <freeinit/numerics/video_noise.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {

/// A real video whose noise a run starts from, in place of Gaussian noise.
struct VideoInit {
  /// [1,C,F,h,w] for every video of the request, or [num_videos,C,F,h,w]; as `encode_clip` makes
  /// them. Undefined: no video.
  at::Tensor latents{};
  VideoNoiseSource source = VideoNoiseSource::diffuse;
  /// Only the low band, as the request's own filter and mix cut it (the first filter of a
  /// schedule); the high band is fresh.
  bool low_band = false;
};

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
#include <freeinit/impl/pipeline/video_init_inl.hpp>
#endif
