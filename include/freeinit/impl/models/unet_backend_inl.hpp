#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/models/aotinductor_unet_inl.hpp>
#include <freeinit/impl/models/openvino_unet_inl.hpp>
#include <freeinit/impl/models/torchscript_module_inl.hpp>
#include <freeinit/impl/models/video_unet_inl.hpp>
#include <freeinit/models/unet_backend.hpp>

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr std::array kBuiltBackends{
    UNetBackend::torchscript, UNetBackend::winograd,
    UNetBackend::int8,        UNetBackend::float16_weights,
#ifdef FREEINIT_WITH_OPENVINO
    UNetBackend::openvino,
#endif
#ifdef FREEINIT_WITH_AOTI
    UNetBackend::aotinductor,
#endif
};

FREEINIT_INLINE bool is_built(UNetBackend backend) {
  return std::ranges::find(kBuiltBackends, backend) != kBuiltBackends.end();
}

/// Whether a backend runs the bundle's own unet.pt, not a form that was converted from it.
FREEINIT_INLINE bool runs_unet_file(UNetBackend backend) {
  return backend == UNetBackend::torchscript || backend == UNetBackend::winograd;
}

/// How a TorchScript network beside or behind that backend computes.
FREEINIT_INLINE ConvolutionAlgorithm convolutions_of(UNetBackend backend) {
  switch (backend) {
    case UNetBackend::winograd:
    case UNetBackend::float16_weights:
    case UNetBackend::int8:
      return ConvolutionAlgorithm::winograd;
    default:
      return ConvolutionAlgorithm::direct;
  }
}

/// Whether the bundle has the UNet with weights in float16, and none of them was rounded.
FREEINIT_INLINE bool has_exact_float16_weights(const Manifest& manifest) {
  const auto entry = manifest.unet_backends.find("float16-weights");
  return entry != manifest.unet_backends.end() && entry->second.verified_max_relative_error == 0.0;
}

/// Whether Winograd's transforms are little beside the products of the layers. The manifest does
/// not tell widths, but weights grow with their square: 6 MB at 32 and 64, 857 MB at 320 and 640.
FREEINIT_INLINE bool has_wide_unet(const Manifest& manifest) {
  constexpr std::uint64_t kWide = std::uint64_t{128} << 20;
  const auto file = manifest.files.find(manifest.unet.file);
  return file != manifest.files.end() && file->second.bytes >= kWide;
}

/// All that can be said of a backend but the reference without reading its network.
FREEINIT_INLINE void check_backend(const Manifest& manifest, UNetBackend backend, at::Device device,
                                   std::optional<at::ScalarType> dtype) {
  const std::string name = to_string(backend);
  const auto refuse = [&](const std::string& reason) {
    raise(ErrorCode::unsupported, "backend '" + name + "': " + reason);
  };
  if (!runs_unet_file(backend) && !manifest.unet_backends.contains(name)) {
    refuse("the bundle has none; add it with 'freeinit-export backend " + name +
           " BUNDLE', or use torchscript");
  }
  if (!is_built(backend)) {
    refuse(std::string("this build has none; configure it with FREEINIT_WITH_") +
           (backend == UNetBackend::openvino ? "OPENVINO" : "AOTI") + "=ON, or use torchscript");
  }
  if (!device.is_cpu()) refuse("runs on the cpu alone, not on '" + device.str() + "'");
  if ((backend == UNetBackend::openvino || backend == UNetBackend::winograd) &&
      manifest.unet.dtype != "float32") {
    refuse("computes in float32, and this network in " + manifest.unet.dtype);
  }
  if (dtype && *dtype != dtype_from_string(manifest.unet.dtype)) {
    refuse("was exported in " + manifest.unet.dtype + " and runs in it alone, not in " +
           dtype_to_string(*dtype));
  }
}

/// LibTorch 2.13 announces the end of its quantised tensors whenever it reads one: news for who
/// builds this library, not for who runs it.
class NoWarnings final : public c10::WarningHandler {
  void process(const c10::Warning& /*warning*/) override {}
};

FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_int8_unet(const std::filesystem::path& file,
                                                                UNetSpec spec,
                                                                const std::string& contract) {
  spec.feature_cache = false;  // only forward is quantised
  NoWarnings quiet;
  const c10::WarningUtils::WarningHandlerGuard guard(&quiet);
  return load_unet_with(convolutions_of(UNetBackend::int8), file, spec, contract, at::kCPU, {});
}

}  // namespace detail

FREEINIT_INLINE std::string to_string(UNetBackend backend) {
  switch (backend) {
    case UNetBackend::torchscript:
      return "torchscript";
    case UNetBackend::winograd:
      return "winograd";
    case UNetBackend::openvino:
      return "openvino";
    case UNetBackend::aotinductor:
      return "aotinductor";
    case UNetBackend::int8:
      return "int8";
    case UNetBackend::float16_weights:
      return "float16-weights";
  }
  return "unknown";
}

FREEINIT_INLINE UNetBackend unet_backend_from_string(const std::string& name) {
  for (const auto backend :
       {UNetBackend::torchscript, UNetBackend::winograd, UNetBackend::openvino,
        UNetBackend::aotinductor, UNetBackend::int8, UNetBackend::float16_weights}) {
    if (name == to_string(backend)) return backend;
  }
  raise(ErrorCode::invalid_argument,
        "backend '" + name +
            "': unknown; expected torchscript, winograd, openvino, aotinductor, int8 or "
            "float16-weights");
}

FREEINIT_INLINE std::vector<UNetBackend> built_unet_backends() {
  return {detail::kBuiltBackends.begin(), detail::kBuiltBackends.end()};
}

FREEINIT_INLINE UNetBackend default_unet_backend(const Manifest& manifest, at::Device device) {
  if (!device.is_cpu() || manifest.unet.dtype != "float32") return UNetBackend::torchscript;
  if (detail::has_wide_unet(manifest)) {
    return detail::has_exact_float16_weights(manifest) ? UNetBackend::float16_weights
                                                       : UNetBackend::winograd;
  }
  const auto preferred = UNetBackend::openvino;
  return detail::is_built(preferred) && manifest.unet_backends.contains(to_string(preferred))
             ? preferred
             : UNetBackend::torchscript;
}

FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_unet(const std::filesystem::path& folder,
                                                           const Manifest& manifest,
                                                           UNetBackend backend, at::Device device,
                                                           std::optional<at::ScalarType> dtype) {
  const std::string& contract = manifest.contracts.at("unet");
  const auto convolutions = detail::convolutions_of(backend);
  if (backend != UNetBackend::torchscript) detail::check_backend(manifest, backend, device, dtype);
  if (detail::runs_unet_file(backend)) {
    return detail::load_unet_with(convolutions, folder / manifest.unet.file, manifest.unet,
                                  contract, device, dtype);
  }
  const UNetBackendSpec& entry = manifest.unet_backends.at(to_string(backend));
  if (backend == UNetBackend::int8) {
    return detail::load_int8_unet(folder / entry.file, manifest.unet, contract);
  }
  if (backend == UNetBackend::float16_weights) {
    return detail::load_unet_with(convolutions, folder / entry.file, manifest.unet, contract,
                                  device, dtype);
  }
#ifdef FREEINIT_WITH_OPENVINO
  if (backend == UNetBackend::openvino) {
    return std::make_unique<const detail::OpenVinoUNet>(folder / entry.file, manifest.unet,
                                                        contract);
  }
#endif
#ifdef FREEINIT_WITH_AOTI
  if (backend == UNetBackend::aotinductor) {
    return std::make_unique<const detail::AotInductorUNet>(folder / entry.file, manifest.unet,
                                                           entry, contract);
  }
#endif
  raise(ErrorCode::internal, "backend '" + to_string(backend) + "': has no loader");
}

}  // namespace freeinit::inline FREEINIT_ABI
