#pragma once

// The table of backends. Each has a file of its own beside this one, and a unit in src/backends/.

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/backends/loaders_inl.hpp>
#include <freeinit/impl/networks/contract_inl.hpp>
#include <freeinit/networks/backends/unet_backend.hpp>
#include <freeinit/networks/dtype.hpp>

#include <array>
#include <cstdint>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

// What a build leaves out has a row without a loader.
using UNetLoader = decltype(UNetBackend::load);
#ifdef FREEINIT_WITH_WINOGRAD
inline constexpr NetworkRewrite kWinograd = compute_by_winograd, kBfloat16 = compute_in_bfloat16;
inline constexpr UNetLoader kLoadWinograd = load_torchscript_unet;
#else
inline constexpr NetworkRewrite kWinograd = nullptr, kBfloat16 = nullptr;
inline constexpr UNetLoader kLoadWinograd = nullptr;
#endif
#ifdef FREEINIT_WITH_OPENVINO
inline constexpr UNetLoader kLoadOpenVino = load_openvino_unet;
#else
inline constexpr UNetLoader kLoadOpenVino = nullptr;
#endif
#ifdef FREEINIT_WITH_CUDA_GRAPHS
inline constexpr UNetLoader kLoadCudaGraphs = load_cuda_graphs_unet;
#else
inline constexpr UNetLoader kLoadCudaGraphs = nullptr;
#endif

inline std::string serves_all(const Manifest& /*manifest*/, at::Device /*device*/) {
  return {};
}
inline std::string serves_float32_on_cpu(const Manifest& manifest, at::Device device) {
  if (!device.is_cpu()) return "runs on the cpu alone, not on '" + device.str() + "'";
  if (manifest.unet.dtype == "float32") return {};
  return "computes in float32, and this network in " + manifest.unet.dtype;
}
inline std::string serves_bfloat16_products(const Manifest& manifest, at::Device device) {
  if (std::string reason = serves_float32_on_cpu(manifest, device); !reason.empty()) return reason;
#ifdef FREEINIT_WITH_WINOGRAD
  if (!has_bfloat16_products()) return "this processor has no AVX512-BF16; use winograd";
#endif
  return {};
}
inline std::string serves_cuda(const Manifest& /*manifest*/, at::Device device) {
  return device.is_cuda() ? "" : "runs on cuda alone, not on '" + device.str() + "'";
}

inline bool always(const Manifest& /*manifest*/) {
  return true;
}
inline bool never(const Manifest& /*manifest*/) {
  return false;
}
/// Whether Winograd's transforms are little beside the products of the layers. The manifest does
/// not tell widths, but weights grow with their square: 6 MB at 32 and 64, 857 MB at 320 and 640.
inline bool is_wide(const Manifest& manifest) {
  constexpr std::uint64_t kWide = std::uint64_t{128} << 20;
  const auto file = manifest.files.find(manifest.unet.file);
  return file != manifest.files.end() && file->second.bytes >= kWide;
}

inline constexpr std::array kUNetBackends{
    UNetBackend{.name = "float16-weights",
                .build_option = "FREEINIT_WITH_WINOGRAD",
                .operators = kWinograd,
                .convolutions = kWinograd,
                .weights = WeightStorage::float16,
                .refusal = serves_float32_on_cpu,
                .is_preferred = never,  // weights that float16 holds are in it in unet.file, too
                .load = kLoadWinograd},
    UNetBackend{.name = "winograd",
                .build_option = "FREEINIT_WITH_WINOGRAD",
                .operators = kWinograd,
                .convolutions = kWinograd,
                .refusal = serves_float32_on_cpu,
                .is_preferred = is_wide,
                .load = kLoadWinograd},
    UNetBackend{.name = "openvino",
                .build_option = "FREEINIT_WITH_OPENVINO",
                .runtime = Runtime::openvino,
                .refusal = serves_float32_on_cpu,
                .is_preferred = always,
                .load = kLoadOpenVino},
    UNetBackend{.name = "torchscript",
                .refusal = serves_all,
                .is_preferred = always,
                .load = load_torchscript_unet},
    UNetBackend{.name = "int8",
                .build_option = "FREEINIT_WITH_OPENVINO",
                .runtime = Runtime::openvino,
                .weights = WeightStorage::int8,
                .refusal = serves_float32_on_cpu,
                .is_preferred = never,
                .load = kLoadOpenVino},
    UNetBackend{.name = "bfloat16",
                .build_option = "FREEINIT_WITH_WINOGRAD",
                .operators = kBfloat16,
                .convolutions = kWinograd,
                .refusal = serves_bfloat16_products,
                .is_preferred = never,
                .load = kLoadWinograd},
    // Not preferred before it has run on a GPU.
    UNetBackend{.name = "cuda-graphs",
                .build_option = "FREEINIT_WITH_CUDA_GRAPHS",
                .runtime = Runtime::cuda_graphs,
                .refusal = serves_cuda,
                .is_preferred = never,
                .load = kLoadCudaGraphs},
};

FREEINIT_INLINE bool is_in_bundle(const UNetBackend& backend, const Manifest& manifest) {
  return !backend.has_own_file() || manifest.unet_backends.contains(std::string(backend.name));
}

/// All that can be said of a backend without reading its network. Throws Error: unsupported.
FREEINIT_INLINE void check_backend(const UNetBackend& backend, const Manifest& manifest,
                                   at::Device device, std::optional<at::ScalarType> dtype) {
  const std::string name(backend.name);
  const auto refuse = [&](const std::string& reason) {
    raise(ErrorCode::unsupported, "backend '" + name + "': " + reason);
  };
  if (!is_in_bundle(backend, manifest)) {
    refuse("the bundle has none; add it with 'freeinit-export backend " + name +
           " BUNDLE', or use torchscript");
  }
  if (!backend.is_built()) {
    refuse("this build has none; configure it with " + std::string(backend.build_option) +
           "=ON, or use torchscript");
  }
  if (const std::string reason = backend.refusal(manifest, device); !reason.empty()) refuse(reason);
  if (dtype && *dtype != dtype_from_string(manifest.unet.dtype)) {
    refuse("the network was exported in " + manifest.unet.dtype + " and runs in it alone, not in " +
           dtype_to_string(*dtype) + "; export the model in that dtype");
  }
}

}  // namespace detail

FREEINIT_INLINE std::span<const UNetBackend> unet_backends() noexcept {
  return detail::kUNetBackends;
}

FREEINIT_INLINE const UNetBackend& unet_backend(std::string_view name) {
  std::string names;
  for (const UNetBackend& backend : unet_backends()) {
    if (backend.name == name) return backend;
    names.append(names.empty() ? "" : ", ").append(backend.name);
  }
  raise(ErrorCode::invalid_argument,
        "backend '" + std::string(name) + "': unknown; expected one of " + names);
}

FREEINIT_INLINE const UNetBackend& default_unet_backend(const Manifest& manifest, at::Device device,
                                                        bool reuses_features) {
  for (const UNetBackend& backend : unet_backends()) {
    if (backend.is_built() && detail::is_in_bundle(backend, manifest) &&
        backend.refusal(manifest, device).empty() && backend.is_preferred(manifest) &&
        (backend.keeps_split() || !reuses_features)) {
      return backend;
    }
  }
  raise(ErrorCode::internal, "backends: none serves; expected that torchscript does");
}

FREEINIT_INLINE std::string openvino_version() {
#ifdef FREEINIT_WITH_OPENVINO
  return detail::version_of_openvino();
#else
  return {};
#endif
}

FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_unet(
    const std::filesystem::path& folder, const Manifest& manifest, std::string_view backend,
    at::Device device, std::optional<at::ScalarType> dtype,
    const std::set<std::string>& allow_operators) {
  const UNetBackend& chosen = unet_backend(backend);
  detail::check_backend(chosen, manifest, device, dtype);
  const std::string& file = chosen.has_own_file()
                                ? manifest.unet_backends.at(std::string(chosen.name)).file
                                : manifest.unet.file;
  return chosen.load({.file = folder / file,
                      .contract = detail::contract_of(manifest, "unet"),
                      .device = device,
                      .dtype = dtype,
                      .rewrite = chosen.operators,
                      .allow_operators = allow_operators},
                     manifest.unet);
}

}  // namespace freeinit::inline FREEINIT_ABI
