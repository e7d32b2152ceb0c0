#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/bundle/manifest.hpp>
#include <freeinit/networks/winograd.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace freeinit::inline FREEINIT_ABI {

/// What a UNet is asked. A further input of a model family is a further member.
struct UNetInput {
  at::Tensor latents;     ///< [B,C,F,H,W], on the network's device
  double timestep = 0.0;  ///< 0 to the training steps less 1, the same for the batch
  at::Tensor text;        ///< [B,L,D], on the network's device
  double fps = 8.0;       ///< read by models that are conditioned on it
};

/// A prediction and the deep feature behind it, whose layout is the network's own business.
struct DeepPrediction {
  at::Tensor output;
  at::Tensor deep;
};

/// The one virtual seam at the model: what predicts noise for video latents. Every family has this
/// signature; what differs between them is settled in the export.
class FREEINIT_API VideoUNet {
 public:
  virtual ~VideoUNet() = default;

  /// Returns [B,C,F,H,W] in the dtype of the latents, without autograd. Throws Error:
  /// invalid_argument (a shape outside the limits, named with the limit), model.
  [[nodiscard]] virtual at::Tensor predict(const UNetInput& input) const = 0;

  /// Whether the two methods below work: the bundle's network was split at export.
  [[nodiscard]] virtual bool can_reuse_features() const noexcept { return false; }

  /// `predict`, and the deep feature to keep. Throws Error: as `predict`; unsupported.
  [[nodiscard]] virtual DeepPrediction predict_deep(const UNetInput& input) const;

  /// The first and last layers alone, around the `deep` of a call with the same shapes at a
  /// neighbouring step (DeepCache, arXiv 2312.00858). With the `deep` of the same input this is
  /// `predict`. Throws Error: as `predict`; unsupported.
  [[nodiscard]] virtual at::Tensor predict_shallow(const UNetInput& input,
                                                   const at::Tensor& deep) const;

  /// Limits on shapes.
  [[nodiscard]] virtual const UNetSpec& spec() const noexcept = 0;

  /// Refuses what `predict` would refuse for the sizes of `latents` and `text`, without computing
  /// anything: `check_unet_input`, and what a backend cannot do beyond it. Throws Error:
  /// invalid_argument.
  virtual void check_input(at::IntArrayRef latents, at::IntArrayRef text) const;
};

/// Refuses latents or text that `spec` does not allow, saying which size is wrong and which are
/// right. Throws Error: invalid_argument.
FREEINIT_API void check_unet_input(const UNetSpec& spec, at::IntArrayRef latents,
                                   at::IntArrayRef text);

/// Loads a TorchScript UNet. `contract`: the JSON object the file must repeat as its extra file
/// `freeinit.json`; empty skips the comparison. `dtype`: what the caller wants; a traced graph runs
/// in the dtype of its export alone, so anything but `spec.dtype` is refused. Weights may be stored
/// in a narrower dtype and are widened. Throws Error: not_found, invalid_file (unreadable, another
/// contract or signature), unsupported (device, dtype, format), model (out of memory).
[[nodiscard]] FREEINIT_API std::unique_ptr<const VideoUNet> load_torchscript_unet(
    const std::filesystem::path& file, const UNetSpec& spec, const std::string& contract,
    at::Device device, std::optional<at::ScalarType> dtype = {},
    ConvolutionAlgorithm convolutions = ConvolutionAlgorithm::direct);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/video_unet_inl.hpp>
#endif
