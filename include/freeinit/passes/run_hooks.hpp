#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace freeinit::inline FREEINIT_ABI {

/// Where a run stands when a hook is called. All count from 0.
struct RunPoint {
  std::int64_t video = 0;  ///< k of `seed + k`
  int pass = 0;            ///< the first is 0
  std::int64_t step = 0;   ///< denoiser calls made in this pass
};

/// What a caller may look at during a run, beside the progress of RunControl. Every member may stay
/// empty. Tensors are on the device; the run does not write to them afterwards.
struct RunHooks {
  /// What is called with a tensor of the run and where the run stands.
  using Hook = std::function<void(const RunPoint& at, const at::Tensor& tensor)>;

  /// Before each pass: what it starts from, [B,C,F,H,W] in variance-preserving scale: noise of unit
  /// variance, or in video to video the noised latents.
  Hook on_noise{};
  /// After each complete pass: its result [B,C,F,H,W], the clean prediction if the pass ended
  /// early.
  Hook on_pass{};
  /// After every `prediction_every`th denoiser call of a video: the clean prediction [B,C,F,H,W] of
  /// its step (Sampler::pred_original_sample), for pictures of a run that goes. It is made for the
  /// hook and changes no number of the run.
  Hook on_prediction{};
  std::int64_t prediction_every = 1;  ///< denoiser calls; 0: never
};

}  // namespace freeinit::inline FREEINIT_ABI
