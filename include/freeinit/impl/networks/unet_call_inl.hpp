#pragma once

// What every backend does around its network: the same checks, the same four inputs, the same
// promise about the result. `inline` in both modes: the units of all backends share it.

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/only_owner_inl.hpp>
#include <freeinit/networks/video_unet.hpp>

#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <c10/util/StringUtil.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Makes the inputs of a network on `device` in `dtype`. Safe to call from several threads.
class UNetInputs {
 public:
  UNetInputs(at::Device device, at::ScalarType dtype) : device_(device), dtype_(dtype) {}

  /// Latents, timesteps [B], text, frames per second [B], after all checks: nothing wrong reaches
  /// the network, which may not look. The vectors are those of
  /// the last call where that has let them go. In inference mode. Throws Error: invalid_argument.
  [[nodiscard]] std::vector<at::Tensor> operator()(const UNetSpec& spec,
                                                   const UNetInput& input) const {
    const auto& [latents, timestep, conditioning, fps] = input;
    const at::Tensor& text = conditioning.single();
    check_unet_input(spec, latents.sizes(), text.sizes());
    if (latents.device() != device_ || text.device() != device_) {
      raise(ErrorCode::invalid_argument, "latents on " + latents.device().str() + " and text on " +
                                             text.device().str() + ": the network is on " +
                                             device_.str());
    }
    const std::lock_guard lock(mutex_);
    return {latents.to(dtype_), filled(timesteps_, latents.size(0), timestep), text.to(dtype_),
            filled(fps_, latents.size(0), fps)};
  }

 private:
  /// Made on the device: the sampling loop must not copy from the host.
  [[nodiscard]] at::Tensor filled(at::Tensor& kept, std::int64_t size, double value) const {
    if (may_write_again(kept) && kept.size(0) == size) return kept.fill_(value);
    return kept = at::full({size}, value, at::device(device_).dtype(at::kFloat));
  }

  at::Device device_;
  at::ScalarType dtype_;
  mutable std::mutex mutex_;
  mutable at::Tensor timesteps_;
  mutable at::Tensor fps_;
};

/// Whether the samples of a batch of `latents` positions in all go one after another. A call on a
/// CPU takes as long for each of them, and gigabytes for a large batch. By the size alone: the same
/// rounding on every machine.
inline bool is_large_batch(std::int64_t latents, at::Device device) {
  constexpr std::int64_t kMost = std::int64_t{16} * 64 * 64;  // 16 frames of 512x512 pixels
  return device.is_cpu() && latents > kMost;
}

/// predict(input), or predict(part) for each sample of a large batch. Throws Error:
/// invalid_argument.
template <class Predict>
at::Tensor sample_by_sample(const UNetSpec& spec, const UNetInput& input, const Predict& predict) {
  const at::Tensor& latents = input.latents;
  const at::Tensor& text = input.text.single();
  check_unet_input(spec, latents.sizes(), text.sizes());
  if (!is_large_batch(latents.numel() / latents.size(1), latents.device())) return predict(input);
  at::Tensor output = at::empty_like(latents);
  UNetInput part = input;
  for (std::int64_t i = 0; i < latents.size(0); ++i) {
    part.latents = latents.narrow(0, i, 1);
    part.text = text.narrow(0, i, 1);
    output.narrow(0, i, 1).copy_(predict(part));
  }
  return output;
}

/// Refuses a result of another shape than the interface promises. Throws Error: model.
inline void check_unet_output(const std::string& name, at::IntArrayRef output,
                              at::IntArrayRef expected) {
  if (output == expected) return;
  raise(ErrorCode::model, c10::str(name, ": returned ", output, "; expected ", expected));
}

[[noreturn]] inline void raise_not_split(const std::string& network) {
  raise(ErrorCode::unsupported, network +
                                    ": cannot reuse features between steps; expected a TorchScript "
                                    "bundle whose UNet was split at export (feature_cache)");
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
