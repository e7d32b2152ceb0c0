#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/bundle/manifest.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>

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

/// Loads a TorchScript text encoder; arguments and errors as `load_torchscript_unet`.
[[nodiscard]] FREEINIT_API std::unique_ptr<const TextEncoder> load_torchscript_text_encoder(
    const std::filesystem::path& file, const TextEncoderSpec& spec, const std::string& contract,
    at::Device device, std::optional<at::ScalarType> dtype = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/text_encoder_inl.hpp>
#endif
