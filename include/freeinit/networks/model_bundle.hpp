#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/networks/autoencoder.hpp>
#include <freeinit/networks/backends/unet_backend.hpp>
#include <freeinit/networks/device.hpp>
#include <freeinit/networks/text_encoder.hpp>
#include <freeinit/networks/video_unet.hpp>
#include <freeinit/text/clip_tokenizer.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// Where the networks of a bundle run, and how they are checked and kept.
struct BundleOptions {
  /// Of networks and latents; "cuda:0" is checked by `device_from_string`.
  at::Device device = at::kCPU;
  std::optional<at::ScalarType> dtype{};  ///< unset: as stored; a traced graph runs in one dtype
  std::string backend{};                  ///< by name; empty: `default_unet_backend`
  bool verify_hashes = true;              ///< SHA-256 of each file that is used
  /// File of HashStamps, by which files verified earlier are known again; empty: every file is read
  /// and hashed. Only with `verify_hashes`.
  std::filesystem::path hash_stamps{};
  /// Text encoder and autoencoder are read when they are first used and let go by `release`, which
  /// TextToVideoPipeline calls when it is done with them: less memory, the same numbers, some
  /// seconds. What is wrong with their files beyond size and hash then shows only at that point.
  bool low_memory = false;
  /// Switches off TorchScript's profiling executor, for the whole process (LibTorch keeps that flag
  /// globally): the first two calls of a network are then as fast as the others and peak memory is
  /// about 40 % lower, with the same results. false leaves the flag as the host program set it.
  bool disable_jit_profiling = true;
  std::set<std::string> allow_operators{};  ///< as NetworkSource::allow_operators
};

/// The tokenizer of the bundle in `folder`. Throws Error as `ClipTokenizer`.
[[nodiscard]] FREEINIT_API ClipTokenizer load_tokenizer(const std::filesystem::path& folder,
                                                        const TokenizerSpec& spec);

/// Everything a text-to-video pipeline is made of, loaded from one folder and checked before use:
/// sizes and hashes of all files but other forms of the UNet than the one that runs, sections of
/// the manifest against each other, the contract inside each network against its section, and the
/// signature of each network; of the VAE encoder when it first encodes.
/// Immutable; copies share the networks, and threads may share a bundle.
class FREEINIT_API ModelBundle {
 public:
  /// Throws Error: not_found, invalid_file, io, invalid_argument (no backend of that name),
  /// unsupported (another schema, format, dtype, device or backend), model (out of memory),
  /// cancelled. Reports Phase::load after each of five stages.
  [[nodiscard]] static ModelBundle load(const std::filesystem::path& folder,
                                        const BundleOptions& options = {},
                                        const RunControl& control = {});

  /// The same with a manifest that was read before.
  [[nodiscard]] static ModelBundle load(Manifest manifest, const std::filesystem::path& folder,
                                        const BundleOptions& options = {},
                                        const RunControl& control = {});

  /// What the bundle says of itself.
  [[nodiscard]] const Manifest& manifest() const noexcept { return *manifest_; }
  /// Text to ids.
  [[nodiscard]] const ClipTokenizer& tokenizer() const noexcept { return *tokenizer_; }
  /// Ids to the embedding of the text. Never null.
  [[nodiscard]] const std::shared_ptr<const TextEncoder>& text_encoder() const noexcept {
    return text_encoder_;
  }
  /// What predicts the noise. Never null.
  [[nodiscard]] const std::shared_ptr<const VideoUNet>& unet() const noexcept { return unet_; }
  /// Latents to frames, and back where the bundle has an encoder. Never null.
  [[nodiscard]] const std::shared_ptr<const Autoencoder>& autoencoder() const noexcept {
    return autoencoder_;
  }
  /// Where the networks run.
  [[nodiscard]] at::Device device() const noexcept { return device_; }
  /// Of the UNet; latents are float32 in any.
  [[nodiscard]] at::ScalarType dtype() const noexcept { return dtype_; }
  /// What the UNet was loaded with.
  [[nodiscard]] const UNetBackend& backend() const noexcept { return *backend_; }

  /// The same bundle with another network: one of your own, or one around the bundle's. Throws
  /// Error: invalid_argument (null).
  [[nodiscard]] ModelBundle with(std::shared_ptr<const TextEncoder> text_encoder) const;
  /// The same bundle with another such network, on the same terms.
  [[nodiscard]] ModelBundle with(std::shared_ptr<const VideoUNet> unet) const;
  /// The same bundle with another such network, on the same terms.
  [[nodiscard]] ModelBundle with(std::shared_ptr<const Autoencoder> autoencoder) const;

 private:
  ModelBundle() = default;

  std::shared_ptr<const Manifest> manifest_;
  std::shared_ptr<const ClipTokenizer> tokenizer_;
  std::shared_ptr<const TextEncoder> text_encoder_;
  std::shared_ptr<const VideoUNet> unet_;
  std::shared_ptr<const Autoencoder> autoencoder_;
  at::Device device_ = at::kCPU;
  at::ScalarType dtype_ = at::kFloat;
  const UNetBackend* backend_ = nullptr;  ///< a row of `unet_backends()`
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/model_bundle_inl.hpp>
#endif
