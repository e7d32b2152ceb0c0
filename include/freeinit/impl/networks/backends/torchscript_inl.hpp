#pragma once

// The reference: a UNet as it was exported, on every device, in every shape and dtype. Backends
// that are another file or other operators of TorchScript load it too.

#include <freeinit/impl/networks/backends/loaders_inl.hpp>
#include <freeinit/impl/networks/torchscript_unet_inl.hpp>

#include <memory>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_torchscript_unet(const NetworkSource& source,
                                                                       const UNetSpec& spec) {
  return torchscript_unet(torchscript_unet_module(source, spec), spec);
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
