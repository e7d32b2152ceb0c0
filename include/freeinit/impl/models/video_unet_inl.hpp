#pragma once

#include <freeinit/impl/models/cuda_graph_unet_inl.hpp>
#include <freeinit/impl/models/nearest_multiples_inl.hpp>
#include <freeinit/impl/models/torchscript_module_inl.hpp>
#include <freeinit/impl/models/unet_call_inl.hpp>
#include <freeinit/models/video_unet.hpp>

#include <c10/core/InferenceMode.h>
#include <c10/util/StringUtil.h>

#include <string>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_latent_multiple(const UNetSpec& spec, at::IntArrayRef latents,
                                           std::size_t dim, const char* name) {
  const std::int64_t size = latents[dim];
  if (size >= 1 && size % spec.latent_multiple_of == 0) return;
  raise(ErrorCode::invalid_argument,
        c10::str("latents ", latents, ": ", name, " ", size, " is not a multiple of ",
                 spec.latent_multiple_of, "; use ",
                 nearest_multiples(size, spec.latent_multiple_of)));
}

FREEINIT_INLINE void check_latents(const UNetSpec& spec, at::IntArrayRef latents) {
  const auto refuse = [&](const std::string& reason) {
    raise(ErrorCode::invalid_argument, c10::str("latents ", latents, ": ", reason));
  };
  if (latents.size() != 5) refuse("expected [batch, channels, frames, height, width]");
  if (latents[0] < 1) refuse("the batch is empty");
  if (latents[1] != spec.in_channels) {
    refuse(c10::str(latents[1], " channels; the model has ", spec.in_channels));
  }
  if (latents[2] < 1 || (spec.max_frames && latents[2] > *spec.max_frames)) {
    refuse(c10::str(latents[2], " frames; the model does 1 to ",
                    spec.max_frames ? std::to_string(*spec.max_frames) : "any number"));
  }
  check_latent_multiple(spec, latents, 3, "height");
  check_latent_multiple(spec, latents, 4, "width");
}

FREEINIT_INLINE void check_text(const UNetSpec& spec, at::IntArrayRef text, std::int64_t batch) {
  const auto refuse = [&](const std::string& reason) {
    raise(ErrorCode::invalid_argument, c10::str("text embedding ", text, ": ", reason));
  };
  if (text.size() != 3) refuse("expected [batch, length, width]");
  if (text[0] != batch) {
    refuse(c10::str("batch ", text[0], ", but the latents have batch ", batch));
  }
  if (text[1] < 1 || (spec.max_text_length && text[1] > *spec.max_text_length)) {
    refuse(c10::str("length ", text[1], "; the model takes 1 to ",
                    spec.max_text_length ? std::to_string(*spec.max_text_length) : "any number"));
  }
  if (text[2] != spec.context_dim) {
    refuse(c10::str("width ", text[2], "; the model attends to width ", spec.context_dim));
  }
}

inline constexpr const char* kDeepMethod = "forward_deep";
inline constexpr const char* kShallowMethod = "forward_shallow";

[[noreturn]] FREEINIT_INLINE void raise_not_split(const std::string& network) {
  raise(ErrorCode::unsupported, network +
                                    ": cannot reuse features between steps; expected a TorchScript "
                                    "bundle whose UNet was split at export (feature_cache)");
}

class TorchScriptUNet final : public VideoUNet {
 public:
  TorchScriptUNet(TorchScriptModule module, UNetSpec spec)
      : module_(std::move(module)),
        spec_(std::move(spec)),
        inputs_(module_.device(), module_.dtype()) {}

  [[nodiscard]] at::Tensor predict(const at::Tensor& latents, std::int64_t timestep,
                                   const at::Tensor& text, double fps) const override {
    const c10::InferenceMode guard;
    return checked(module_(inputs_(spec_, latents, timestep, text, fps)), latents);
  }

  [[nodiscard]] bool can_reuse_features() const noexcept override { return spec_.feature_cache; }

  [[nodiscard]] DeepPrediction predict_deep(const at::Tensor& latents, std::int64_t timestep,
                                            const at::Tensor& text, double fps) const override {
    const c10::InferenceMode guard;
    auto outputs = call_split(kDeepMethod, 2, inputs_(spec_, latents, timestep, text, fps));
    return {.output = checked(outputs[0], latents), .deep = std::move(outputs[1])};
  }

  [[nodiscard]] at::Tensor predict_shallow(const at::Tensor& latents, std::int64_t timestep,
                                           const at::Tensor& text, double fps,
                                           const at::Tensor& deep) const override {
    const c10::InferenceMode guard;
    auto arguments = inputs_(spec_, latents, timestep, text, fps);
    arguments.push_back(deep);
    return checked(call_split(kShallowMethod, 1, std::move(arguments))[0], latents);
  }

  [[nodiscard]] const UNetSpec& spec() const noexcept override { return spec_; }

 private:
  [[nodiscard]] at::Tensor checked(const at::Tensor& output, const at::Tensor& latents) const {
    check_network_output(module_, output, latents.sizes());
    return output.to(latents.scalar_type());
  }

  [[nodiscard]] std::vector<at::Tensor> call_split(const std::string& method, std::size_t count,
                                                   std::vector<at::Tensor> arguments) const {
    if (!can_reuse_features()) raise_not_split(module_.name());
    auto outputs = module_.call(method, std::move(arguments));
    if (outputs.size() == count) return outputs;
    raise(ErrorCode::model, c10::str(module_.name(), ": ", method, " returned ", outputs.size(),
                                     " tensors; expected ", count));
  }

  TorchScriptModule module_;
  UNetSpec spec_;
  UNetInputs inputs_;
};

/// As load_torchscript_unet, with the convolutions of the network computed so.
FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_unet_with(
    ConvolutionAlgorithm convolutions, const std::filesystem::path& file, const UNetSpec& spec,
    const std::string& contract, at::Device device, std::optional<at::ScalarType> dtype) {
  if (spec.format != "torchscript") {
    raise(ErrorCode::unsupported, "network '" + file.string() + "': format '" + spec.format +
                                      "' is not one this build runs; expected torchscript");
  }
  TorchScriptModule module({.file = file,
                            .contract = contract,
                            .inputs = {"latents", "timestep", "text", "fps"},
                            .dtype = spec.dtype,
                            .wanted = dtype,
                            .device = device,
                            .convolutions = convolutions});
  for (const char* method : {kDeepMethod, kShallowMethod}) {
    if (!spec.feature_cache || module.has_method(method)) continue;
    raise(ErrorCode::invalid_file, module.name() + ": has no " + method +
                                       ", but the manifest says that its features can be reused");
  }
  auto unet = std::make_unique<const TorchScriptUNet>(module, spec);
#ifdef FREEINIT_WITH_CUDA_GRAPHS
  if (device.is_cuda()) {
    return std::make_unique<const CudaGraphUNet>(std::move(module), std::move(unet));
  }
#endif
  return unet;
}

}  // namespace detail

FREEINIT_INLINE void VideoUNet::check_input(at::IntArrayRef latents, at::IntArrayRef text) const {
  check_unet_input(spec(), latents, text);
}

FREEINIT_INLINE DeepPrediction VideoUNet::predict_deep(const at::Tensor& /*latents*/,
                                                       std::int64_t /*timestep*/,
                                                       const at::Tensor& /*text*/,
                                                       double /*fps*/) const {
  detail::raise_not_split("this UNet");
}

FREEINIT_INLINE at::Tensor VideoUNet::predict_shallow(const at::Tensor& /*latents*/,
                                                      std::int64_t /*timestep*/,
                                                      const at::Tensor& /*text*/, double /*fps*/,
                                                      const at::Tensor& /*deep*/) const {
  detail::raise_not_split("this UNet");
}

FREEINIT_INLINE void check_unet_input(const UNetSpec& spec, at::IntArrayRef latents,
                                      at::IntArrayRef text) {
  detail::check_latents(spec, latents);
  detail::check_text(spec, text, latents[0]);
}

FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_torchscript_unet(
    const std::filesystem::path& file, const UNetSpec& spec, const std::string& contract,
    at::Device device, std::optional<at::ScalarType> dtype) {
  return detail::load_unet_with(detail::ConvolutionAlgorithm::direct, file, spec, contract, device,
                                dtype);
}

}  // namespace freeinit::inline FREEINIT_ABI
