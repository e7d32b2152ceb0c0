#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/io/hash_stamps.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// The version of the manifest this build reads and the exporter writes.
inline constexpr int kManifestSchema = 1;

/// Size and hash of one file of a bundle.
struct FileRecord {
  std::uint64_t bytes = 0;
  std::string sha256;  ///< 64 lower-case hexadecimal digits
};

/// `unet`: `forward(latents[B,C,F,H,W], timestep[B] float32, text[B,L,D], fps[B] float32)`, the
/// same four inputs for every family (a family without fps ignores it). Limits are hard: the loader
/// and every call refuse what lies outside.
struct UNetSpec {
  std::string file;
  std::string format;  ///< "torchscript"
  std::string dtype;   ///< "float32", "float16" or "bfloat16"
  std::int64_t in_channels = 4;
  std::int64_t context_dim = 768;               ///< D
  std::int64_t latent_multiple_of = 1;          ///< latent height and width must be multiples of it
  std::optional<std::int64_t> max_frames;       ///< longest sequence of the motion modules
  std::optional<std::int64_t> max_text_length;  ///< longest L
  bool uses_fps = false;
  bool feature_cache = false;  ///< split at export: deep features can be reused between steps
  std::vector<std::vector<std::int64_t>> verified_shapes;  ///< [B,F,H,W,L] compared at export
  double verified_max_relative_error = 0.0;                ///< largest difference found there
};

/// An entry of `unet_backends`: the same UNet, converted for another runtime.
struct UNetBackendSpec {
  std::string file;
  std::string converted_from;  ///< SHA-256 of `unet.file` when it was converted
  double verified_max_relative_error = 0.0;
};

/// `text_encoder`: `forward(ids[B,L] int64) -> [B,L,D]`.
struct TextEncoderSpec {
  std::string file;
  std::string dtype;
  std::int64_t max_length = 77;  ///< L
  std::int64_t width = 768;      ///< D
};

/// `vae`: decoder `forward(z[N,C,h,w]) -> [N,3,H,W]` in -1..1 with z = latents / scaling_factor;
/// encoder `forward(images[N,3,H,W] in -1..1) -> moments [N,2C,h,w]` (mean, log-variance).
struct AutoencoderSpec {
  std::string decoder_file;
  std::string encoder_file;  ///< empty when the bundle has no encoder
  std::string dtype;
  std::int64_t latent_channels = 4;
  std::int64_t spatial_scale = 8;  ///< pixels per latent along height and width
  double scaling_factor = 0.18215;
};

/// `tokenizer`: files and ids of the CLIP tokenizer, as ClipTokenizerOptions.
struct TokenizerSpec {
  std::string vocab_file;
  std::string merges_file;
  std::int64_t max_length = 77;
  std::int64_t bos_token_id = 49406;
  std::int64_t eos_token_id = 49407;
  std::int64_t pad_token_id = 49407;
  std::int64_t unk_token_id = 49407;
  bool match_pad_token = true;  ///< see ClipTokenizerOptions
};

/// DDIM settings under diffusers' key names, with diffusers' defaults for absent keys. The last two
/// are VideoCrafter's; `DdimConfig` says what they do.
struct SchedulerSpec {
  std::int64_t num_train_timesteps = 1000;
  double beta_start = 0.0001;
  double beta_end = 0.02;
  std::string beta_schedule = "linear";
  std::vector<double> trained_betas;  ///< empty: made from beta_schedule
  bool clip_sample = true;
  double clip_sample_range = 1.0;
  bool set_alpha_to_one = true;
  std::int64_t steps_offset = 0;
  std::string prediction_type = "epsilon";
  bool thresholding = false;
  double dynamic_thresholding_ratio = 0.995;
  double sample_max_value = 1.0;
  std::string timestep_spacing = "leading";
  bool rescale_betas_zero_snr = false;
  std::vector<double> dynamic_rescale;  ///< one factor for each training timestep; empty: none
  bool always_draw_noise = false;
};

/// The settings a user gets who names none.
struct RecommendedSettings {
  std::int64_t num_frames = 16;
  std::int64_t height = 512;  ///< pixels
  std::int64_t width = 512;   ///< pixels
  double fps = 8.0;
  std::optional<double> output_fps;  ///< of the file, where it is not the `fps` the model is told
  std::int64_t num_inference_steps = 25;
  double guidance_scale = 7.5;
  double eta = 0.0;
  std::int64_t num_iters = 3;
  std::string negative_prompt;
  std::string filter_method = "butterworth";
  double filter_order = 4.0;
  double spatial_stop_frequency = 0.25;
  double temporal_stop_frequency = 0.25;
};

/// `manifest.json` of a bundle: what the networks are, what they can do, how they are sampled.
/// `docs/bundle.md` shows the file key by key.
struct Manifest {
  int schema = kManifestSchema;
  std::string name;
  std::string
      family;  ///< "animatediff", "modelscope" or "videocrafter"; a label, never switched on
  std::string description;
  std::string license;
  std::map<std::string, std::string> created_by;  ///< versions of exporter, torch, diffusers, ...
  std::map<std::string, FileRecord> files;        ///< by path relative to the bundle
  UNetSpec unet;
  std::map<std::string, UNetBackendSpec>
      unet_backends;  ///< by name; one that this build does not know is kept
  TextEncoderSpec text_encoder;
  AutoencoderSpec vae;
  TokenizerSpec tokenizer;
  SchedulerSpec scheduler;
  RecommendedSettings recommended;
  /// The JSON text of the sections "unet", "text_encoder" and "vae", in canonical form (sorted
  /// keys, no white space): each `.pt` repeats its section as an extra file and must agree.
  std::map<std::string, std::string> contracts;
};

/// Parses and checks the JSON text of a manifest; `origin` names it in messages. Unknown keys,
/// missing keys, wrong types, paths that leave the bundle and impossible values are refused by
/// name. Throws Error: invalid_file, unsupported (another schema).
[[nodiscard]] FREEINIT_API Manifest parse_manifest(const std::string& json,
                                                   const std::string& origin);

/// Reads `bundle/manifest.json`. Throws Error: not_found and as `parse_manifest`.
[[nodiscard]] FREEINIT_API Manifest read_manifest(const std::filesystem::path& bundle);

/// Checks that every file of the manifest is there with its size and, if `hashes`, its SHA-256;
/// with `stamps`, files that are known to be untouched since they had it are not read again.
/// Throws Error: not_found, invalid_file; the message names the file and what differs.
FREEINIT_API void verify_bundle_files(const std::filesystem::path& bundle, const Manifest& manifest,
                                      bool hashes = true, HashStamps* stamps = nullptr);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/io/manifest_inl.hpp>
#endif
