#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/config.hpp>
#include <freeinit/networks/network_source.hpp>

#include <ATen/core/Tensor.h>

#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// Turns token ids into the text embedding that the UNet attends to.
class FREEINIT_API TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  /// `ids` [B,L] int64, any device -> [B,L,D] on the encoder's device. Throws Error:
  /// invalid_argument, model.
  [[nodiscard]] virtual at::Tensor encode(const at::Tensor& ids) const = 0;

  /// Gives back memory that the next call would load again; see BundleOptions::low_memory.
  virtual void release() const noexcept {}
};

/// Loads a TorchScript text encoder. Weights may be stored in a narrower dtype and are widened.
/// Throws Error: not_found, invalid_file (unreadable, another contract or signature), unsupported
/// (device, dtype), model (out of memory).
[[nodiscard]] FREEINIT_API std::unique_ptr<const TextEncoder> load_torchscript_text_encoder(
    const NetworkSource& source, const TextEncoderSpec& spec);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/text_encoder_inl.hpp>
#endif
