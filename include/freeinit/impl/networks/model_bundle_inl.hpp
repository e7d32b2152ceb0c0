#pragma once

#include <freeinit/bundle/verify.hpp>
#include <freeinit/impl/networks/contract_inl.hpp>
#include <freeinit/impl/networks/late_networks_inl.hpp>
#include <freeinit/networks/dtype.hpp>
#include <freeinit/networks/model_bundle.hpp>

#include <torch/csrc/jit/runtime/graph_executor.h>  // getProfilingMode

#include <set>
#include <string>
#include <type_traits>
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

/// The manifest without the forms of the UNet that a run with `backend` does not read, each with
/// what stands beside it under its name (OpenVINO's weights): a large file is not hashed for
/// nothing, and one that was deleted to save space is not missed.
FREEINIT_INLINE Manifest without_other_unets(Manifest manifest, const UNetBackend& backend) {
  const auto stem = [](const std::string& file) {
    return std::filesystem::path(file).replace_extension();
  };
  std::filesystem::path used = stem(manifest.unet.file);
  std::set<std::filesystem::path> others;
  for (const auto& [name, converted] : manifest.unet_backends) {
    if (name == backend.name) {
      used = stem(converted.file);
      others.insert(stem(manifest.unet.file));
    } else {
      others.insert(stem(converted.file));
    }
  }
  others.erase(used);
  std::erase_if(manifest.files,
                [&](const auto& file) { return others.contains(stem(file.first)); });
  return manifest;
}

/// Absolute where networks are read later: by then the process may be in another folder.
FREEINIT_INLINE std::filesystem::path reading_folder(const std::filesystem::path& folder,
                                                     const BundleOptions& options) {
  return options.low_memory ? std::filesystem::absolute(folder) : folder;
}

FREEINIT_INLINE std::shared_ptr<const TextEncoder> load_text_encoder(
    const std::filesystem::path& folder, const Manifest& manifest, const BundleOptions& options) {
  auto load =
      [source = NetworkSource{.file = reading_folder(folder, options) / manifest.text_encoder.file,
                              .contract = contract_of(manifest, "text_encoder"),
                              .device = options.device,
                              .dtype = options.dtype,
                              .allow_operators = options.allow_operators},
       spec = manifest.text_encoder] { return load_torchscript_text_encoder(source, spec); };
  if (options.low_memory) return std::make_shared<const LateTextEncoder>(std::move(load));
  return load();
}

FREEINIT_INLINE std::shared_ptr<const Autoencoder> load_autoencoder(
    const std::filesystem::path& folder, const Manifest& manifest, const BundleOptions& options,
    NetworkRewrite convolutions) {
  auto load = [source = NetworkSource{.file = reading_folder(folder, options),
                                      .contract = contract_of(manifest, "vae"),
                                      .device = options.device,
                                      .dtype = options.dtype,
                                      .rewrite = convolutions,
                                      .allow_operators = options.allow_operators},
               spec = manifest.vae] { return load_torchscript_autoencoder(source, spec); };
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
  LoadProgress(RunControl&& temporary, int num_stages) = delete;

  void stage_done() {
    control_.report({.phase = Phase::load, .step = ++done_, .num_steps = num_stages_});
    if (control_.stop.stop_requested()) raise(ErrorCode::cancelled, "loading: stopped");
  }

 private:
  const RunControl& control_;
  int num_stages_;
  int done_ = 0;
};
static_assert(!std::is_constructible_v<LoadProgress, RunControl, int>);

/// Refuses nothing in place of a network.
template <class Network>
std::shared_ptr<const Network> checked_part(std::shared_ptr<const Network> network) {
  if (!network) raise(ErrorCode::invalid_argument, "network: none; expected one for the bundle");
  return network;
}

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

FREEINIT_INLINE ModelBundle ModelBundle::load(const std::filesystem::path& folder,
                                              const BundleOptions& options,
                                              const RunControl& control) {
  return load(read_manifest(folder), folder, options, control);
}

FREEINIT_INLINE ModelBundle ModelBundle::load(Manifest manifest,
                                              const std::filesystem::path& folder,
                                              const BundleOptions& options,
                                              const RunControl& control) {
  check_device(options.device);
  ModelBundle bundle;
  bundle.device_ = options.device;
  bundle.dtype_ = dtype_from_string(manifest.unet.dtype);
  bundle.backend_ = options.backend.empty() ? &default_unet_backend(manifest, options.device)
                                            : &unet_backend(options.backend);
  detail::LoadProgress progress(control, 5);
  detail::verify_files(folder, detail::without_other_unets(manifest, *bundle.backend_), options);
  progress.stage_done();
  bundle.tokenizer_ =
      std::make_shared<const ClipTokenizer>(load_tokenizer(folder, manifest.tokenizer));
  progress.stage_done();

  if (options.disable_jit_profiling) torch::jit::getProfilingMode() = false;
  bundle.text_encoder_ = detail::load_text_encoder(folder, manifest, options);
  progress.stage_done();
  bundle.unet_ = load_unet(folder, manifest, bundle.backend_->name, options.device, options.dtype,
                           options.allow_operators);
  progress.stage_done();
  bundle.autoencoder_ =
      detail::load_autoencoder(folder, manifest, options, bundle.backend_->convolutions);
  progress.stage_done();
  bundle.manifest_ = std::make_shared<const Manifest>(std::move(manifest));
  return bundle;
}

FREEINIT_INLINE ModelBundle
ModelBundle::with(std::shared_ptr<const TextEncoder> text_encoder) const {
  ModelBundle other = *this;
  other.text_encoder_ = detail::checked_part(std::move(text_encoder));
  return other;
}

FREEINIT_INLINE ModelBundle ModelBundle::with(std::shared_ptr<const VideoUNet> unet) const {
  ModelBundle other = *this;
  other.unet_ = detail::checked_part(std::move(unet));
  return other;
}

FREEINIT_INLINE ModelBundle
ModelBundle::with(std::shared_ptr<const Autoencoder> autoencoder) const {
  ModelBundle other = *this;
  other.autoencoder_ = detail::checked_part(std::move(autoencoder));
  return other;
}

}  // namespace freeinit::inline FREEINIT_ABI
