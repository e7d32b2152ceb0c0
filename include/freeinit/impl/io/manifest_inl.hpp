#pragma once

#include <freeinit/impl/core/read_file_inl.hpp>
#include <freeinit/impl/io/json_reader_inl.hpp>
#include <freeinit/io/manifest.hpp>
#include <freeinit/io/sha256.hpp>

#include <algorithm>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// A relative path with "/" between plain names: nothing that could leave the bundle's folder.
FREEINIT_INLINE bool stays_inside(const std::string& path) {
  if (path.empty() || path.find('\\') != std::string::npos ||
      path.find('\0') != std::string::npos) {
    return false;
  }
  const std::filesystem::path parsed(path);
  if (parsed.is_absolute()) return false;
  return std::none_of(parsed.begin(), parsed.end(), [](const std::filesystem::path& part) {
    return part == ".." || part == "." || part.empty();
  });
}

/// The path under `key`, which must be listed in "files".
FREEINIT_INLINE std::string listed_file(JsonReader& section, const std::string& key,
                                        const Manifest& manifest) {
  const std::string path = section.text(key);
  if (!stays_inside(path)) section.refuse(key, "a relative path inside the bundle");
  if (!manifest.files.contains(path)) section.refuse(key, "a path that 'files' lists");
  return path;
}

FREEINIT_INLINE std::map<std::string, FileRecord> parse_files(JsonReader section) {
  std::map<std::string, FileRecord> files;
  for (const auto& [path, ignored] : section.value().items()) {
    if (!stays_inside(path)) {
      raise(ErrorCode::invalid_file, section.origin() + ": 'files' lists '" + path +
                                         "'; expected a relative path inside the bundle");
    }
    JsonReader entry = section.object(path);
    FileRecord record;
    record.bytes = static_cast<std::uint64_t>(entry.integer("bytes", 0));
    record.sha256 = entry.text("sha256");
    if (record.sha256.size() != 64 ||
        record.sha256.find_first_not_of("0123456789abcdef") != std::string::npos) {
      entry.refuse("sha256", "64 lower-case hexadecimal digits");
    }
    entry.finish();
    files.emplace(path, std::move(record));
  }
  return files;
}

inline constexpr const char* kShapeForm = "[batch, frames, height, width, text length]";

/// A shape [B,F,H,W,L] of sizes from 1 to 2^31 - 1; empty for any other value.
FREEINIT_INLINE std::vector<std::int64_t> parse_shape(const nlohmann::json& value) {
  const auto is_size = [](const nlohmann::json& size) {
    return size.is_number_unsigned() && size.get<std::uint64_t>() >= 1 &&
           size.get<std::uint64_t>() <= std::uint64_t{INT32_MAX};
  };
  const bool fits =
      value.is_array() && value.size() == 5 && std::all_of(value.begin(), value.end(), is_size);
  return fits ? value.get<std::vector<std::int64_t>>() : std::vector<std::int64_t>{};
}

FREEINIT_INLINE std::vector<std::vector<std::int64_t>> parse_verified_shapes(JsonReader& section) {
  const std::string key = "verified_shapes";
  const std::string expected = std::string("a list of shapes ") + kShapeForm;
  const nlohmann::json& list = section.required(key);
  if (!list.is_array()) section.refuse(key, expected);
  std::vector<std::vector<std::int64_t>> shapes;
  for (const nlohmann::json& element : list) {
    shapes.push_back(parse_shape(element));
    if (shapes.back().empty()) section.refuse(key, expected);
  }
  return shapes;
}

FREEINIT_INLINE double parse_verified_error(JsonReader& section) {
  const std::string key = "verified_max_relative_error";
  const double error = section.number(key);
  if (error < 0) section.refuse(key, "a number of at least 0");
  return error;
}

FREEINIT_INLINE UNetSpec parse_unet(JsonReader section, const Manifest& manifest) {
  UNetSpec unet;
  unet.file = listed_file(section, "file", manifest);
  unet.format = section.text("format");
  if (unet.format != "torchscript") section.refuse("format", "torchscript");
  unet.dtype = known_dtype(section);
  unet.in_channels = section.count("in_channels", 1);
  unet.context_dim = section.count("context_dim", 1);
  unet.latent_multiple_of = section.count("latent_multiple_of", 1);
  if (section.has_value("max_frames")) unet.max_frames = section.count("max_frames", 1);
  if (section.has_value("max_text_length")) {
    unet.max_text_length = section.count("max_text_length", 1);
  }
  unet.uses_fps = section.boolean("uses_fps");
  if (section.has("feature_cache")) unet.feature_cache = section.boolean("feature_cache");
  unet.verified_shapes = parse_verified_shapes(section);
  unet.verified_max_relative_error = parse_verified_error(section);
  section.finish();
  return unet;
}

/// One converted network. A stale one, made of another `unet.file`, is refused. Further keys are
/// the backend's own.
FREEINIT_INLINE UNetBackendSpec parse_unet_backend(JsonReader section, const Manifest& manifest) {
  UNetBackendSpec backend;
  backend.file = listed_file(section, "file", manifest);
  backend.converted_from = section.text("converted_from");
  if (backend.converted_from != manifest.files.at(manifest.unet.file).sha256) {
    section.refuse("converted_from",
                   "the sha256 of '" + manifest.unet.file + "'; convert it again");
  }
  backend.verified_max_relative_error = parse_verified_error(section);
  return backend;
}

/// A backend that this build does not know is kept: it is refused by who asks for it.
FREEINIT_INLINE std::map<std::string, UNetBackendSpec> parse_unet_backends(
    JsonReader section, const Manifest& manifest) {
  std::map<std::string, UNetBackendSpec> backends;
  for (const auto& [name, ignored] : section.value().items()) {
    backends.emplace(name, parse_unet_backend(section.object(name), manifest));
  }
  return backends;
}

FREEINIT_INLINE TextEncoderSpec parse_text_encoder(JsonReader section, const Manifest& manifest) {
  TextEncoderSpec encoder;
  encoder.file = listed_file(section, "file", manifest);
  encoder.dtype = known_dtype(section);
  encoder.max_length = section.count("max_length", 2);
  encoder.width = section.count("width", 1);
  section.finish();
  return encoder;
}

FREEINIT_INLINE AutoencoderSpec parse_autoencoder(JsonReader section, const Manifest& manifest) {
  AutoencoderSpec vae;
  vae.decoder_file = listed_file(section, "decoder_file", manifest);
  if (!section.text("encoder_file").empty()) {
    vae.encoder_file = listed_file(section, "encoder_file", manifest);
  }
  vae.dtype = known_dtype(section);
  vae.latent_channels = section.count("latent_channels", 1);
  vae.spatial_scale = section.count("spatial_scale", 1);
  vae.scaling_factor = section.positive("scaling_factor");
  section.finish();
  return vae;
}

/// Reads a key into a field that keeps its default when the key is absent.
FREEINIT_INLINE void read_if_present(JsonReader& section, const std::string& key, double& field) {
  if (section.has(key)) field = section.number(key);
}
FREEINIT_INLINE void read_if_present(JsonReader& section, const std::string& key, bool& field) {
  if (section.has(key)) field = section.boolean(key);
}
FREEINIT_INLINE void read_if_present(JsonReader& section, const std::string& key,
                                     std::string& field) {
  if (section.has(key)) field = section.text(key);
}
FREEINIT_INLINE void read_if_present(JsonReader& section, const std::string& key,
                                     std::int64_t& field, std::int64_t least) {
  if (section.has(key)) field = section.count(key, least);
}

FREEINIT_INLINE TokenizerSpec parse_tokenizer(JsonReader section, const Manifest& manifest) {
  TokenizerSpec tokenizer;
  tokenizer.vocab_file = listed_file(section, "vocab_file", manifest);
  tokenizer.merges_file = listed_file(section, "merges_file", manifest);
  tokenizer.max_length = section.count("max_length", 2);
  tokenizer.bos_token_id = section.count("bos_token_id", 0);
  tokenizer.eos_token_id = section.count("eos_token_id", 0);
  tokenizer.pad_token_id = section.count("pad_token_id", 0);
  tokenizer.unk_token_id = section.count("unk_token_id", 0);
  read_if_present(section, "match_pad_token", tokenizer.match_pad_token);
  section.finish();
  return tokenizer;
}

FREEINIT_INLINE SchedulerSpec parse_scheduler(JsonReader section) {
  SchedulerSpec scheduler;
  section.ignore_underscored();
  read_if_present(section, "num_train_timesteps", scheduler.num_train_timesteps, 1);
  read_if_present(section, "beta_start", scheduler.beta_start);
  read_if_present(section, "beta_end", scheduler.beta_end);
  read_if_present(section, "beta_schedule", scheduler.beta_schedule);
  if (section.has_value("trained_betas")) {
    scheduler.trained_betas = section.numbers("trained_betas");
  }
  read_if_present(section, "clip_sample", scheduler.clip_sample);
  read_if_present(section, "clip_sample_range", scheduler.clip_sample_range);
  read_if_present(section, "set_alpha_to_one", scheduler.set_alpha_to_one);
  read_if_present(section, "steps_offset", scheduler.steps_offset, 0);
  read_if_present(section, "prediction_type", scheduler.prediction_type);
  read_if_present(section, "thresholding", scheduler.thresholding);
  read_if_present(section, "dynamic_thresholding_ratio", scheduler.dynamic_thresholding_ratio);
  read_if_present(section, "sample_max_value", scheduler.sample_max_value);
  read_if_present(section, "timestep_spacing", scheduler.timestep_spacing);
  read_if_present(section, "rescale_betas_zero_snr", scheduler.rescale_betas_zero_snr);
  if (section.has_value("dynamic_rescale")) {
    scheduler.dynamic_rescale = section.numbers("dynamic_rescale");
  }
  read_if_present(section, "always_draw_noise", scheduler.always_draw_noise);
  section.finish();
  return scheduler;
}

FREEINIT_INLINE RecommendedSettings parse_recommended(JsonReader section) {
  RecommendedSettings settings;
  read_if_present(section, "num_frames", settings.num_frames, 1);
  read_if_present(section, "height", settings.height, 1);
  read_if_present(section, "width", settings.width, 1);
  if (section.has("fps")) settings.fps = section.positive("fps");
  if (section.has_value("output_fps")) settings.output_fps = section.positive("output_fps");
  read_if_present(section, "num_inference_steps", settings.num_inference_steps, 1);
  read_if_present(section, "guidance_scale", settings.guidance_scale);
  read_if_present(section, "eta", settings.eta);
  read_if_present(section, "num_iters", settings.num_iters, 1);
  read_if_present(section, "negative_prompt", settings.negative_prompt);
  if (section.has("filter")) {
    JsonReader filter = section.object("filter");
    read_if_present(filter, "method", settings.filter_method);
    read_if_present(filter, "order", settings.filter_order);
    read_if_present(filter, "spatial_stop_frequency", settings.spatial_stop_frequency);
    read_if_present(filter, "temporal_stop_frequency", settings.temporal_stop_frequency);
    filter.finish();
  }
  section.finish();
  return settings;
}

/// What two sections say about the same thing must agree.
FREEINIT_INLINE void check_sections_agree(const Manifest& manifest, const std::string& origin) {
  const auto must_equal = [&](const std::string& left, std::int64_t left_value,
                              const std::string& right, std::int64_t right_value) {
    if (left_value == right_value) return;
    raise(ErrorCode::invalid_file, origin + ": '" + left + "' is " + std::to_string(left_value) +
                                       " but '" + right + "' is " + std::to_string(right_value) +
                                       "; they must be equal");
  };
  must_equal("text_encoder.width", manifest.text_encoder.width, "unet.context_dim",
             manifest.unet.context_dim);
  must_equal("vae.latent_channels", manifest.vae.latent_channels, "unet.in_channels",
             manifest.unet.in_channels);
  const std::int64_t longest =
      std::min(manifest.text_encoder.max_length, manifest.unet.max_text_length.value_or(INT64_MAX));
  if (manifest.tokenizer.max_length > longest) {
    raise(ErrorCode::invalid_file, origin + ": 'tokenizer.max_length' is " +
                                       std::to_string(manifest.tokenizer.max_length) +
                                       "; the networks take at most " + std::to_string(longest));
  }
}

/// Reads the schema before anything else: a newer file shall be called newer, not full of mistakes.
FREEINIT_INLINE int parse_schema(JsonReader& root) {
  const std::int64_t schema = root.integer("schema", 0);
  if (schema != kManifestSchema) {
    raise(ErrorCode::unsupported, root.origin() + ": 'schema' is " + std::to_string(schema) +
                                      "; this version of freeinit reads schema " +
                                      std::to_string(kManifestSchema));
  }
  return kManifestSchema;
}

FREEINIT_INLINE std::map<std::string, std::string> parse_created_by(JsonReader section) {
  std::map<std::string, std::string> versions;
  for (const auto& [key, ignored] : section.value().items()) versions[key] = section.text(key);
  return versions;
}

}  // namespace detail

FREEINIT_INLINE Manifest parse_manifest(const std::string& json, const std::string& origin) {
  const nlohmann::json text = detail::parse_strict_json(json, origin);
  detail::JsonReader root(text, origin, "");
  Manifest manifest;
  manifest.schema = detail::parse_schema(root);
  manifest.name = root.text("name");
  manifest.family = root.text("family");
  manifest.description = root.text("description");
  manifest.license = root.text("license");
  manifest.created_by = detail::parse_created_by(root.object("created_by"));
  manifest.files = detail::parse_files(root.object("files"));
  manifest.unet = detail::parse_unet(root.object("unet"), manifest);
  if (root.has("unet_backends")) {
    manifest.unet_backends = detail::parse_unet_backends(root.object("unet_backends"), manifest);
  }
  manifest.text_encoder = detail::parse_text_encoder(root.object("text_encoder"), manifest);
  manifest.vae = detail::parse_autoencoder(root.object("vae"), manifest);
  manifest.tokenizer = detail::parse_tokenizer(root.object("tokenizer"), manifest);
  manifest.scheduler = detail::parse_scheduler(root.object("scheduler"));
  manifest.recommended = detail::parse_recommended(root.object("recommended"));
  root.finish();
  detail::check_sections_agree(manifest, origin);
  for (const char* section : {"unet", "text_encoder", "vae"}) {
    manifest.contracts[section] = text.at(section).dump();
  }
  return manifest;
}

FREEINIT_INLINE Manifest read_manifest(const std::filesystem::path& bundle) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(bundle, ignored)) {
    raise(ErrorCode::not_found, "bundle '" + bundle.string() + "': no such folder");
  }
  const std::filesystem::path path = bundle / "manifest.json";
  return parse_manifest(detail::read_file(path, "manifest"), "manifest '" + path.string() + "'");
}

FREEINIT_INLINE void verify_bundle_files(const std::filesystem::path& bundle,
                                         const Manifest& manifest, bool hashes,
                                         HashStamps* stamps) {
  for (const auto& [name, record] : manifest.files) {
    const std::filesystem::path path = bundle / name;
    const std::string origin = "bundle file '" + path.string() + "': ";
    std::error_code failure;
    if (!std::filesystem::is_regular_file(path, failure)) {
      raise(ErrorCode::not_found, origin + "no such file, but the manifest lists it");
    }
    const std::uintmax_t bytes = std::filesystem::file_size(path, failure);
    if (failure) raise(ErrorCode::io, origin + failure.message());
    if (bytes != record.bytes) {
      raise(ErrorCode::invalid_file, origin + "has " + std::to_string(bytes) +
                                         " bytes; the manifest says " +
                                         std::to_string(record.bytes) + " (truncated or altered)");
    }
    if (!hashes) continue;
    const std::string sha256 =
        stamps ? stamps->sha256_of(path, record.sha256) : sha256_of_file(path);
    if (sha256 != record.sha256) {
      raise(ErrorCode::invalid_file, origin + "SHA-256 is " + sha256 + "; the manifest says " +
                                         record.sha256 + " (altered)");
    }
  }
}

}  // namespace freeinit::inline FREEINIT_ABI
