#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/io/manifest.hpp>
#include <freeinit/models/video_unet.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// What runs a UNet. All but the last two give the same prediction up to rounding (about 5e-6 of
/// the largest value), and so does the last one where float16 holds the weights.
enum class UNetBackend {
  torchscript,  ///< the reference: every device, shape and option
  winograd,     ///< the same file, and the autoencoder's, with convolutions by Winograd's algorithm
             ///< (arXiv 1509.09308), which rounds a little differently; CPU, float32, every shape
  openvino,     ///< CPU, float32, every shape; builds with FREEINIT_WITH_OPENVINO
  aotinductor,  ///< native code of one kind of CPU for one shape; builds with FREEINIT_WITH_AOTI
  int8,         ///< as `winograd`, with linear layers in int8, which changes the video a little
  float16_weights,  ///< as `winograd`, with weights that are kept in float16 and widened when they
                    ///< are used; what float16 does not hold is rounded
};

/// The name in manifests and on the command line.
[[nodiscard]] FREEINIT_API std::string to_string(UNetBackend backend);

/// "torchscript", "winograd", "openvino", "aotinductor", "int8" or "float16-weights". Throws Error:
/// invalid_argument.
[[nodiscard]] FREEINIT_API UNetBackend unet_backend_from_string(const std::string& name);

/// The backends that this build can run.
[[nodiscard]] FREEINIT_API std::vector<UNetBackend> built_unet_backends();

/// What a user gets who names none, by the measurements of docs/performance.md. On a CPU in
/// float32: where `unet.file` has 128 MiB or more, as every real model's has, `float16_weights` if
/// the bundle has it and its export rounded no weight, else `winograd`; for a smaller network
/// `openvino` where the bundle and the build have it. Else `torchscript`.
[[nodiscard]] FREEINIT_API UNetBackend default_unet_backend(const Manifest& manifest,
                                                            at::Device device);

/// Loads the UNet of the bundle in `folder` for one backend; `device` and `dtype` as
/// `load_torchscript_unet`. Throws Error: as there; unsupported (this build or this bundle lacks
/// the backend, a device or CPU it does not serve).
[[nodiscard]] FREEINIT_API std::unique_ptr<const VideoUNet> load_unet(
    const std::filesystem::path& folder, const Manifest& manifest, UNetBackend backend,
    at::Device device, std::optional<at::ScalarType> dtype = {});

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/models/unet_backend_inl.hpp>
#endif
