#pragma once

// What every backend does around its network: the same checks, the same four inputs, the same
// promise about the result.

#include <freeinit/core/error.hpp>
#include <freeinit/models/video_unet.hpp>

#include <ATen/ops/full.h>
#include <c10/util/StringUtil.h>

#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The four inputs of a network on `device` in `dtype`, after all checks: nothing wrong reaches the
/// network, which may not look (AOTInductor reads out of bounds). Throws Error: invalid_argument.
FREEINIT_INLINE std::vector<at::Tensor> unet_inputs(const UNetSpec& spec, at::Device device,
                                                    at::ScalarType dtype, const at::Tensor& latents,
                                                    std::int64_t timestep, const at::Tensor& text,
                                                    double fps) {
  check_unet_input(spec, latents.sizes(), text.sizes());
  if (latents.device() != device || text.device() != device) {
    raise(ErrorCode::invalid_argument, "latents on " + latents.device().str() + " and text on " +
                                           text.device().str() + ": the network is on " +
                                           device.str());
  }
  // Made on the device: the sampling loop must not copy from the host.
  const auto per_video = [&](double value) {
    return at::full({latents.size(0)}, value, latents.options().dtype(at::kFloat));
  };
  return {latents.to(dtype), per_video(static_cast<double>(timestep)), text.to(dtype),
          per_video(fps)};
}

/// Refuses a result of another shape than the interface promises. Throws Error: model.
FREEINIT_INLINE void check_unet_output(const std::string& name, at::IntArrayRef output,
                                       at::IntArrayRef expected) {
  if (output == expected) return;
  raise(ErrorCode::model, c10::str(name, ": returned ", output, "; expected ", expected));
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
