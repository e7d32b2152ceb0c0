#pragma once

// A UNet in TorchScript. `inline` in both modes: the units of two backends share it.

#include <freeinit/impl/networks/torchscript_module_inl.hpp>
#include <freeinit/impl/networks/unet_call_inl.hpp>

#include <c10/core/InferenceMode.h>
#include <c10/util/StringUtil.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr const char* kDeepMethod = "forward_deep";
inline constexpr const char* kShallowMethod = "forward_shallow";

class TorchScriptUNet final : public VideoUNet {
 public:
  TorchScriptUNet(TorchScriptModule module, UNetSpec spec)
      : module_(std::move(module)),
        spec_(std::move(spec)),
        inputs_(module_.device(), module_.dtype()) {}

  [[nodiscard]] at::Tensor predict(const UNetInput& input) const override {
    const c10::InferenceMode guard;
    return sample_by_sample(spec_, input, [this](const UNetInput& part) {
      return checked(module_(inputs_(spec_, part)), part.latents);
    });
  }

  [[nodiscard]] bool can_reuse_features() const noexcept override { return spec_.feature_cache; }

  [[nodiscard]] DeepPrediction predict_deep(const UNetInput& input) const override {
    const c10::InferenceMode guard;
    auto outputs = call_split(kDeepMethod, 2, inputs_(spec_, input));
    return {.output = checked(outputs[0], input.latents), .deep = std::move(outputs[1])};
  }

  [[nodiscard]] at::Tensor predict_shallow(const UNetInput& input,
                                           const at::Tensor& deep) const override {
    const c10::InferenceMode guard;
    auto arguments = inputs_(spec_, input);
    arguments.push_back(deep);
    return checked(call_split(kShallowMethod, 1, std::move(arguments))[0], input.latents);
  }

  void check_input(at::IntArrayRef latents, at::IntArrayRef text) const override {
    check_unet_input(spec_, latents, text);
  }

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

inline TorchScriptModule torchscript_unet_module(const NetworkSource& source,
                                                 const UNetSpec& spec) {
  if (spec.format != "torchscript") {
    raise(ErrorCode::unsupported, "network '" + source.file.string() + "': format '" + spec.format +
                                      "' is not one this build runs; expected torchscript");
  }
  return TorchScriptModule(
      {.source = source, .inputs = {"latents", "timestep", "text", "fps"}, .dtype = spec.dtype});
}

inline std::unique_ptr<const VideoUNet> torchscript_unet(TorchScriptModule module,
                                                         const UNetSpec& spec) {
  for (const char* method : {kDeepMethod, kShallowMethod}) {
    if (!spec.feature_cache || module.has_method(method)) continue;
    raise(ErrorCode::invalid_file, module.name() + ": has no " + method +
                                       ", but the manifest says that its features can be reused");
  }
  return std::make_unique<const TorchScriptUNet>(std::move(module), spec);
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
