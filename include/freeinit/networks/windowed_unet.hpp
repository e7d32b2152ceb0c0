#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/networks/context_windows.hpp>
#include <freeinit/networks/video_unet.hpp>
#include <freeinit/options/context_options.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// What the windows of a run are made of.
struct WindowSettings {
  ContextOptions options{};      ///< with a length
  std::int64_t num_frames = 16;  ///< of the clip
  /// Of a pass, in order: which step a call is, is how many of them stand before its own. Empty:
  /// all calls are of step 0, so windows stay.
  std::vector<double> timesteps{};
  at::Device device = at::kCPU;  ///< of the latents
};

/// A UNet in front of another one that shows it a long clip window by window and blends what it
/// predicts: the memory of one window, time that grows with the frames. A clip that is not longer
/// than a window passes through. A text that travels becomes that of the middle of each window.
///
/// Features can be reused where windows stay, so with `standard_static`; those of all windows are
/// kept then. Immutable.
class FREEINIT_API WindowedUNet final : public VideoUNet {
 public:
  /// Throws Error: invalid_argument (no UNet, no length, what `context_windows` refuses).
  WindowedUNet(std::shared_ptr<const VideoUNet> unet, const WindowSettings& settings);

  /// Throws Error: as the UNet behind it; invalid_argument for another number of frames.
  [[nodiscard]] at::Tensor predict(const UNetInput& input) const override;
  [[nodiscard]] bool can_reuse_features() const noexcept override;
  [[nodiscard]] DeepPrediction predict_deep(const UNetInput& input) const override;
  [[nodiscard]] at::Tensor predict_shallow(const UNetInput& input,
                                           const at::Tensor& deep) const override;
  /// Asks the UNet behind it for one window.
  void check_input(at::IntArrayRef latents, at::IntArrayRef text) const override;

 private:
  struct Step {
    std::vector<ContextWindow> windows;
    at::Tensor weights;  ///< [windows,1,1,length,1,1] float32, on the device
  };

  void check_num_frames(std::int64_t num_frames) const;
  /// Fuses what `call(i, window i of the input)` predicts.
  template <class Call>
  [[nodiscard]] at::Tensor fused(const UNetInput& input, const Call& call) const;
  [[nodiscard]] const Step& step_at(double timestep) const;

  std::shared_ptr<const VideoUNet> unet_;
  std::int64_t num_frames_;
  std::int64_t length_;
  std::vector<double> timesteps_;  ///< descending, each once
  std::vector<Step> steps_;        ///< one where windows stay
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/windowed_unet_inl.hpp>
#endif
