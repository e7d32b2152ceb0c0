#pragma once

// The only file that knows AOTInductor; empty where the build leaves it out.

#ifdef FREEINIT_WITH_AOTI

#include <freeinit/impl/models/torchscript_module_inl.hpp>
#include <freeinit/impl/models/unet_call_inl.hpp>
#include <freeinit/models/unet_backend.hpp>

#include <c10/core/InferenceMode.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <fstream>
#include <set>
#include <sstream>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// What this machine's CPU can do, as Linux names it; empty elsewhere.
FREEINIT_INLINE std::set<std::string> cpu_features() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::set<std::string> features;
    for (std::string word; words >> word;) features.insert(word);
    return features;
  }
  return {};
}

/// A package is machine code: on a CPU without the instructions it was made with it would crash.
FREEINIT_INLINE void check_cpu(const std::string& name, const UNetBackendSpec& package) {
  const auto own = cpu_features();
  for (const std::string& feature : package.cpu_features) {
    if (own.contains(feature)) continue;
    raise(ErrorCode::unsupported,
          name + ": is native code for a CPU with '" + feature +
              "', which this one lacks; use another backend or export it on this machine");
  }
}

class AotInductorUNet final : public VideoUNet {
 public:
  AotInductorUNet(const std::filesystem::path& file, UNetSpec spec, UNetBackendSpec package,
                  const std::string& contract)
      : name_("network '" + file.string() + "'"),
        spec_(std::move(spec)),
        package_(std::move(package)),
        inputs_(at::kCPU, dtype_from_string(spec_.dtype)) {
    check_cpu(name_, package_);
    check_network_file(name_, file);
    std::unordered_map<std::string, std::string> metadata;
    try {
      metadata = Loader::load_metadata_from_package(file.string(), "model");
    } catch (...) {
      rethrow_as_error(ErrorCode::invalid_file, name_ + ": not a readable AOTInductor package");
    }
    check_contract(name_, metadata["freeinit"], contract);  // before its code is loaded
    try {
      loader_ = std::make_unique<Loader>(file.string());
    } catch (...) {
      rethrow_as_error(ErrorCode::invalid_file, name_ + ": not a loadable AOTInductor package");
    }
  }

  [[nodiscard]] at::Tensor predict(const UNetInput& input) const override {
    const c10::InferenceMode guard;
    auto inputs = inputs_(spec_, input);
    check_shape(input.latents.sizes(), input.text.sizes());
    for (at::Tensor& tensor : inputs) tensor = tensor.contiguous();  // strides are baked in, too
    std::vector<at::Tensor> outputs;
    try {
      outputs = loader_->run(inputs);
    } catch (...) {
      rethrow_as_error(ErrorCode::model,
                       c10::str(name_, ": failed for latents ", input.latents.sizes()));
    }
    if (outputs.size() != 1) {
      raise(ErrorCode::model,
            c10::str(name_, ": returned ", outputs.size(), " tensors; expected 1"));
    }
    check_unet_output(name_, outputs[0].sizes(), input.latents.sizes());
    return outputs[0].to(input.latents.scalar_type());
  }

  [[nodiscard]] const UNetSpec& spec() const noexcept override { return spec_; }

  void check_input(at::IntArrayRef latents, at::IntArrayRef text) const override {
    check_unet_input(spec_, latents, text);
    check_shape(latents, text);
  }

 private:
  using Loader = torch::inductor::AOTIModelPackageLoader;

  /// The package itself does not look: with other sizes it would read out of bounds.
  void check_shape(at::IntArrayRef latents, at::IntArrayRef text) const {
    const std::vector<std::int64_t> shape{latents[0], latents[2], latents[3], latents[4], text[1]};
    if (shape == package_.shape) return;
    raise(ErrorCode::invalid_argument,
          c10::str("batch, frames, height, width and text length ", at::IntArrayRef(shape),
                   ": the AOTInductor package of this bundle was compiled for ",
                   at::IntArrayRef(package_.shape), " alone; use --backend torchscript"));
  }

  std::string name_;
  UNetSpec spec_;
  UNetBackendSpec package_;
  UNetInputs inputs_;
  std::unique_ptr<Loader> loader_;  ///< safe to call from several threads
};

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI

#endif
