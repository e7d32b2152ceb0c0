#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/config.hpp>
#include <freeinit/networks/network_source.hpp>
#include <freeinit/networks/video_unet.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// What holds a network and calls it.
enum class Runtime { torchscript, cuda_graphs, openvino };

/// How the weights of a network are kept.
enum class WeightStorage { as_exported, float16, int8 };

/// One way to run a UNet, a row of `unet_backends()`: a name for a choice of runtime, operators and
/// weights. All but `int8` and `bfloat16` give the same prediction up to rounding (about 5e-6 of
/// the largest value), `float16-weights` where float16 holds the weights.
struct UNetBackend {
  std::string_view name;            ///< in manifests and on the command line
  std::string_view build_option{};  ///< of CMake, without which a build lacks it; empty: none does
  Runtime runtime = Runtime::torchscript;              ///< what executes the network
  NetworkRewrite operators = nullptr;                  ///< of the UNet; null: LibTorch's
  NetworkRewrite convolutions = nullptr;               ///< of the autoencoder; null: LibTorch's
  WeightStorage weights = WeightStorage::as_exported;  ///< how the weights are kept in memory

  /// Why it does not serve this model on this device; empty where it does.
  std::string (*refusal)(const Manifest& manifest, at::Device device);
  /// Whether it is the fastest that serves this model, by docs/performance.md.
  bool (*is_preferred)(const Manifest& manifest);
  /// Null where the build lacks it.
  std::unique_ptr<const VideoUNet> (*load)(const NetworkSource& source, const UNetSpec& spec);

  /// Whether this build has it.
  [[nodiscard]] bool is_built() const noexcept { return load != nullptr; }
  /// Whether it runs a file of `Manifest::unet_backends`, not the bundle's own `unet.file`.
  [[nodiscard]] bool has_own_file() const noexcept {
    return runtime == Runtime::openvino || weights != WeightStorage::as_exported;
  }
  /// Whether a UNet that was split at export keeps its parts: `VideoUNet::can_reuse_features`.
  [[nodiscard]] bool keeps_split() const noexcept { return runtime != Runtime::openvino; }
};

/// All backends, those that this build lacks too; the preferred ones first.
[[nodiscard]] FREEINIT_API std::span<const UNetBackend> unet_backends() noexcept;

/// The backend called `name`. Throws Error: invalid_argument with the names there are.
[[nodiscard]] FREEINIT_API const UNetBackend& unet_backend(std::string_view name);

/// What a user gets who names none: the first one that is built, in the bundle, serves model and
/// device and is preferred for it. On a CPU in float32: where `unet.file` has 128 MiB or more, as
/// every real model's has, "winograd"; for a smaller network "openvino". Else "torchscript".
/// `reuses_features`: only one that can (`VideoUNet::can_reuse_features`).
[[nodiscard]] FREEINIT_API const UNetBackend& default_unet_backend(const Manifest& manifest,
                                                                   at::Device device,
                                                                   bool reuses_features = false);

/// The version of OpenVINO that this build runs networks with; empty where it has none.
[[nodiscard]] FREEINIT_API std::string openvino_version();

/// Loads the UNet of the bundle in `folder` with the backend called `backend`. `dtype` and
/// `allow_operators`: as in `NetworkSource`. Throws Error: invalid_argument (no such backend, a
/// manifest without contracts), unsupported (this build or this bundle lacks the backend; a device
/// or dtype that it does not serve; operators that are not allowed), not_found, invalid_file
/// (unreadable, another contract or signature), model (out of memory).
[[nodiscard]] FREEINIT_API std::unique_ptr<const VideoUNet> load_unet(
    const std::filesystem::path& folder, const Manifest& manifest, std::string_view backend,
    at::Device device = at::kCPU, std::optional<at::ScalarType> dtype = {},
    const std::set<std::string>& allow_operators = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/backends/bfloat16_inl.hpp>
#include <freeinit/impl/networks/backends/cuda_graphs_inl.hpp>
#include <freeinit/impl/networks/backends/openvino_inl.hpp>
#include <freeinit/impl/networks/backends/torchscript_inl.hpp>
#include <freeinit/impl/networks/backends/unet_backend_inl.hpp>
#include <freeinit/impl/networks/backends/winograd_inl.hpp>
#endif
