#pragma once

// A TorchScript network whose linear layers compute in int8, which changes the video a little.

#include <freeinit/impl/networks/backends/loaders_inl.hpp>

#include <c10/util/Exception.h>

#include <memory>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// LibTorch 2.13 announces the end of its quantised tensors whenever it reads one: news for who
/// builds this library, not for who runs it.
class NoWarnings final : public c10::WarningHandler {
  void process(const c10::Warning& /*warning*/) override {}
};

FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_int8_unet(const NetworkSource& source,
                                                                const UNetSpec& spec) {
  UNetSpec quantised = spec;
  quantised.feature_cache = false;  // only forward is
  NoWarnings quiet;
  const c10::WarningUtils::WarningHandlerGuard guard(&quiet);
  return load_torchscript_unet(source, quantised);
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
