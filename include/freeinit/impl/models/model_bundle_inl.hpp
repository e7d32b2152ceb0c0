#pragma once

#include <freeinit/impl/models/autoencoder_inl.hpp>
#include <freeinit/impl/models/late_networks_inl.hpp>
#include <freeinit/impl/models/torchscript_module_inl.hpp>
#include <freeinit/impl/models/unet_backend_inl.hpp>
#include <freeinit/models/dtype.hpp>
#include <freeinit/models/model_bundle.hpp>

#include <torch/csrc/jit/runtime/graph_executor.h>  // getProfilingMode

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void verify_files(const std::filesystem::path& folder, const Manifest& manifest,
                                  const BundleOptions& options) {
  if (!options.verify_hashes || options.hash_stamps.empty()) {
    verify_bundle_files(folder, manifest, options.verify_hashes);
    return;
  }
  HashStamps stamps(options.hash_stamps);
  verify_bundle_files(folder, manifest, true, &stamps);
  stamps.save();
}

/// The manifest without the forms of the UNet that a run with `backend` does not read: a large file
/// is not hashed for nothing, and one that was deleted to save space is not missed.
FREEINIT_INLINE Manifest without_other_unets(Manifest manifest, UNetBackend backend) {
  const std::string used = to_string(backend);
  if (!runs_unet_file(backend)) manifest.files.erase(manifest.unet.file);
  for (const auto& [name, converted] : manifest.unet_backends) {
    if (name == used) continue;
    manifest.files.erase(converted.file);
    manifest.files.erase(std::filesystem::path(converted.file).replace_extension(".bin").string());
  }
  return manifest;
}

/// Absolute where networks are read later: by then the process may be in another folder.
FREEINIT_INLINE std::filesystem::path reading_folder(const std::filesystem::path& folder,
                                                     const BundleOptions& options) {
  return options.low_memory ? std::filesystem::absolute(folder) : folder;
}

FREEINIT_INLINE std::shared_ptr<const TextEncoder> load_text_encoder(
    const std::filesystem::path& folder, const Manifest& manifest, const BundleOptions& options) {
  auto load = [file = reading_folder(folder, options) / manifest.text_encoder.file,
               spec = manifest.text_encoder, contract = manifest.contracts.at("text_encoder"),
               device = options.device, dtype = options.dtype] {
    return load_torchscript_text_encoder(file, spec, contract, device, dtype);
  };
  if (options.low_memory) return std::make_shared<const LateTextEncoder>(std::move(load));
  return load();
}

FREEINIT_INLINE std::shared_ptr<const Autoencoder> load_autoencoder(
    const std::filesystem::path& folder, const Manifest& manifest, const BundleOptions& options,
    UNetBackend backend) {
  auto load = [folder = reading_folder(folder, options), spec = manifest.vae,
               contract = manifest.contracts.at("vae"), device = options.device,
               dtype = options.dtype, convolutions = convolutions_of(backend)] {
    return load_autoencoder_with(convolutions, folder, spec, contract, device, dtype);
  };
  if (options.low_memory) {
    return std::make_shared<const LateAutoencoder>(std::move(load), manifest.vae);
  }
  return load();
}

/// Counts the stages of loading and lets the caller stop between them.
class LoadProgress {
 public:
  LoadProgress(const RunControl& control, int num_stages)
      : control_(control), num_stages_(num_stages) {}

  void stage_done() {
    control_.report({.phase = Phase::load, .step = ++done_, .num_steps = num_stages_});
    if (control_.stop.stop_requested()) raise(ErrorCode::cancelled, "loading: stopped");
  }

 private:
  const RunControl& control_;
  int num_stages_;
  int done_ = 0;
};

}  // namespace detail

FREEINIT_INLINE ClipTokenizer load_tokenizer(const std::filesystem::path& folder,
                                             const TokenizerSpec& spec) {
  return ClipTokenizer(folder / spec.vocab_file, folder / spec.merges_file,
                       {.max_length = spec.max_length,
                        .bos_token_id = spec.bos_token_id,
                        .eos_token_id = spec.eos_token_id,
                        .pad_token_id = spec.pad_token_id,
                        .unk_token_id = spec.unk_token_id,
                        .match_pad_token = spec.match_pad_token});
}

FREEINIT_INLINE at::Device device_from_string(const std::string& name) {
  const auto refuse = [&]() {
    raise(ErrorCode::invalid_argument,
          "device '" + name + "': unknown; expected cpu, cuda or cuda:N");
  };
  at::Device device(at::kCPU);
  if (name == "cuda") {
    device = at::Device(at::kCUDA, 0);
  } else if (constexpr std::string_view prefix = "cuda:"; name.starts_with(prefix)) {
    int index = -1;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, index);
    if (error != std::errc() || stop != end || index < 0 || index > 127) refuse();
    device = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
  } else if (name != "cpu") {
    refuse();
  }
  detail::check_device(device);
  return device;
}

FREEINIT_INLINE ModelBundle ModelBundle::load(const std::filesystem::path& folder,
                                              const BundleOptions& options,
                                              const RunControl& control) {
  detail::check_device(options.device);
  Manifest manifest = read_manifest(folder);
  const at::ScalarType dtype = dtype_from_string(manifest.unet.dtype);
  detail::LoadProgress progress(control, 5);

  const UNetBackend backend =
      options.backend.value_or(default_unet_backend(manifest, options.device));
  detail::verify_files(folder, detail::without_other_unets(manifest, backend), options);
  progress.stage_done();
  ClipTokenizer tokenizer = load_tokenizer(folder, manifest.tokenizer);
  progress.stage_done();

  if (options.disable_jit_profiling) torch::jit::getProfilingMode() = false;
  auto text_encoder = detail::load_text_encoder(folder, manifest, options);
  progress.stage_done();
  std::shared_ptr<const VideoUNet> unet =
      load_unet(folder, manifest, backend, options.device, options.dtype);
  progress.stage_done();
  auto autoencoder = detail::load_autoencoder(folder, manifest, options, backend);
  progress.stage_done();

  return {.manifest = std::move(manifest),
          .tokenizer = std::move(tokenizer),
          .text_encoder = std::move(text_encoder),
          .unet = std::move(unet),
          .autoencoder = std::move(autoencoder),
          .device = options.device,
          .dtype = dtype,
          .backend = backend};
}

}  // namespace freeinit::inline FREEINIT_ABI
