#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/config.hpp>
#include <freeinit/networks/conditioning.hpp>

#include <ATen/core/Tensor.h>

namespace freeinit::inline FREEINIT_ABI {

/// What a UNet is asked. A further input of a model family is a further member.
struct UNetInput {
  at::Tensor latents;     ///< [B,C,F,H,W], on the network's device
  double timestep = 0.0;  ///< 0 to the training steps less 1, the same for the batch
  Conditioning text;      ///< [B,L,D], on the network's device
  double fps = 8.0;       ///< read by models that are conditioned on it
};

/// A prediction and the deep feature behind it, whose layout is the network's own business.
struct DeepPrediction {
  at::Tensor output;  ///< the predicted noise, [B,C,F,H,W]
  at::Tensor deep;    ///< what a later call may be given in place of the deep layers
};

/// The one virtual seam at the model: what predicts noise for video latents. Every family has this
/// signature; what differs between them is settled in the export. One of your own needs `predict`
/// alone.
class FREEINIT_API VideoUNet {
 public:
  virtual ~VideoUNet() = default;

  /// Returns [B,C,F,H,W] in the dtype of the latents, without autograd. The bundle's networks take
  /// the samples of a batch of more than 65,536 positions one after another on a CPU. Throws Error:
  /// invalid_argument (a shape outside the limits, named with the limit), model.
  [[nodiscard]] virtual at::Tensor predict(const UNetInput& input) const = 0;

  /// Whether the two methods below work: the bundle's network was split at export.
  [[nodiscard]] virtual bool can_reuse_features() const noexcept { return false; }

  /// `predict`, up to rounding, and the deep feature to keep. Throws Error: as `predict`;
  /// unsupported.
  [[nodiscard]] virtual DeepPrediction predict_deep(const UNetInput& input) const;

  /// The first and last layers alone, around the `deep` of a call with the same shapes at a
  /// neighbouring step (DeepCache, arXiv 2312.00858). With the `deep` of the same input this is
  /// `predict`. Throws Error: as `predict`; unsupported.
  [[nodiscard]] virtual at::Tensor predict_shallow(const UNetInput& input,
                                                   const at::Tensor& deep) const;

  /// Refuses what `predict` would refuse for the sizes of its latents and text, without computing
  /// anything. By default nothing is refused; a UNet around another one asks that one. Throws
  /// Error: invalid_argument.
  virtual void check_input(at::IntArrayRef latents, at::IntArrayRef text) const;
};

/// Refuses latents or text that `spec` does not allow, saying which size is wrong and which are
/// right. Throws Error: invalid_argument.
FREEINIT_API void check_unet_input(const UNetSpec& spec, at::IntArrayRef latents,
                                   at::IntArrayRef text);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/video_unet_inl.hpp>
#endif
