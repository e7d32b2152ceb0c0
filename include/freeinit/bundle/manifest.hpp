#pragma once

#include <freeinit/bundle/specs.hpp>
#include <freeinit/core/config.hpp>
#include <freeinit/options/generation_request.hpp>
#include <freeinit/options/sampler_config.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// The version of the manifest this build reads and the exporter writes.
inline constexpr int kManifestSchema = 1;

/// `manifest.json` of a bundle: what the networks are, what they can do, how they are sampled.
/// `docs/bundle.md` shows the file key by key.
struct Manifest {
  int schema = kManifestSchema;  ///< version of the file's form
  std::string name;              ///< of the model, for people
  std::string
      family;  ///< "animatediff", "modelscope" or "videocrafter"; a label, never switched on
  std::string description;                        ///< one line, for people
  std::string license;                            ///< of the weights, as their source names it
  std::map<std::string, std::string> created_by;  ///< versions of exporter, torch, diffusers, ...
  std::map<std::string, FileRecord> files;        ///< by path relative to the bundle
  UNetSpec unet;                                  ///< the bundle's own form of it
  /// By name; one that this build does not know is kept, and refused when it is chosen.
  std::map<std::string, UNetBackendSpec> unet_backends;
  TextEncoderSpec text_encoder;             ///< what it reads and gives
  AutoencoderSpec vae;                      ///< what the autoencoder reads and gives
  std::optional<LatentRgbSpec> latent_rgb;  ///< of previews; not in bundles of earlier versions
  TokenizerSpec tokenizer;                  ///< its files and ids
  /// By network: "text_encoder", "unet", "vae_decoder", "vae_encoder"; empty in bundles that were
  /// exported without it.
  std::map<std::string, MemorySpec> memory;
  SamplerConfig scheduler;        ///< under diffusers' key names, with its defaults for absent keys
  GenerationRequest recommended;  ///< the settings a user gets who names none
  /// The JSON text of the sections "unet", "text_encoder" and "vae", in canonical form (sorted
  /// keys, no white space): each `.pt` repeats its section as an extra file and must agree.
  std::map<std::string, std::string> contracts;
};

/// Parses and checks the JSON text of a manifest; `origin` names it in messages. Unknown keys,
/// missing keys, wrong types, paths that leave the bundle and impossible values are refused by
/// name. Throws Error: invalid_file, unsupported (another schema).
[[nodiscard]] FREEINIT_API Manifest parse_manifest(const std::string& json,
                                                   const std::string& origin);

/// Reads `bundle/manifest.json`. Throws Error: not_found, io and as `parse_manifest`.
[[nodiscard]] FREEINIT_API Manifest read_manifest(const std::filesystem::path& bundle);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/bundle/manifest_inl.hpp>
#endif
