#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/io/manifest.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace freeinit::inline FREEINIT_ABI {

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

  /// `latents` [B,C,F,H,W]; `timestep` 0..N-1, the same for the batch; `text` [B,L,D]; `fps` is
  /// read by models that are conditioned on it. Latents and text are on the network's device.
  /// Returns [B,C,F,H,W] in the dtype of `latents`, without autograd. Throws Error:
  /// invalid_argument (a shape outside the limits, named with the limit), model.
  [[nodiscard]] virtual at::Tensor predict(const at::Tensor& latents, std::int64_t timestep,
                                           const at::Tensor& text, double fps) const = 0;

  /// Whether the two methods below work: the bundle's network was split at export.
  [[nodiscard]] virtual bool can_reuse_features() const noexcept { return false; }

  /// `predict`, and the deep feature to keep. Throws Error: as `predict`; unsupported.
  [[nodiscard]] virtual DeepPrediction predict_deep(const at::Tensor& latents,
                                                    std::int64_t timestep, const at::Tensor& text,
                                                    double fps) const;

  /// The first and last layers alone, around the `deep` of a call with the same shapes at a
  /// neighbouring step (DeepCache, arXiv 2312.00858). With the `deep` of the same input this is
  /// `predict`. Throws Error: as `predict`; unsupported.
  [[nodiscard]] virtual at::Tensor predict_shallow(const at::Tensor& latents, std::int64_t timestep,
                                                   const at::Tensor& text, double fps,
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
    at::Device device, std::optional<at::ScalarType> dtype = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/models/video_unet_inl.hpp>
#endif
