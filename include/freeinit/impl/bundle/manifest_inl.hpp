#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/impl/bundle/inside_bundle_inl.hpp>
#include <freeinit/impl/bundle/specs_inl.hpp>
#include <freeinit/impl/core/read_file_inl.hpp>

#include <algorithm>
#include <cmath>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE std::map<std::string, FileRecord> parse_files(JsonReader section) {
  std::map<std::string, FileRecord> files;
  for (const auto& [path, ignored] : section.value().items()) {
    if (!stays_inside(path)) {
      raise(ErrorCode::invalid_file, concat(section.origin(), ": 'files' lists ", quote(path),
                                            "; expected a relative path inside the bundle"));
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

inline constexpr double kMostOfColour = 1e6;  // far above any map's: what is added up stays finite

FREEINIT_INLINE bool is_colour(const nlohmann::json& value) {
  return value.is_array() && value.size() == 3 &&
         std::all_of(value.begin(), value.end(), [](const nlohmann::json& number) {
           return number.is_number() && std::abs(number.get<double>()) <= kMostOfColour;
         });
}

/// The section "preview": a colour for each channel of the latents, and one more.
FREEINIT_INLINE LatentRgbSpec parse_preview(JsonReader section) {
  const std::string factors = "latent_rgb_factors";
  const std::string bias = "latent_rgb_bias";
  const std::string colour = concat("three numbers of at most ", kMostOfColour);
  const nlohmann::json& rows = section.required(factors);
  if (!rows.is_array() || !std::all_of(rows.begin(), rows.end(), is_colour)) {
    section.refuse(factors, "a list of " + colour);
  }
  const nlohmann::json& offset = section.required(bias);
  if (!is_colour(offset)) section.refuse(bias, colour);
  section.finish();
  return {rows.get<std::vector<std::array<double, 3>>>(), offset.get<std::array<double, 3>>()};
}

/// What two sections say about the same thing must agree.
FREEINIT_INLINE void check_sections_agree(const Manifest& manifest, const std::string& origin) {
  const auto must_equal = [&](const std::string& left, std::int64_t left_value,
                              const std::string& right, std::int64_t right_value) {
    if (left_value == right_value) return;
    raise(ErrorCode::invalid_file, concat(origin, ": '", left, "' is ", left_value, " but '", right,
                                          "' is ", right_value, "; they must be equal"));
  };
  must_equal("text_encoder.width", manifest.text_encoder.width, "unet.context_dim",
             manifest.unet.context_dim);
  must_equal("vae.latent_channels", manifest.vae.latent_channels, "unet.in_channels",
             manifest.unet.in_channels);
  if (manifest.latent_rgb) {
    must_equal("number of preview.latent_rgb_factors",
               static_cast<std::int64_t>(manifest.latent_rgb->factors.size()),
               "vae.latent_channels", manifest.vae.latent_channels);
  }
  const std::int64_t longest =
      std::min(manifest.text_encoder.max_length, manifest.unet.max_text_length.value_or(INT64_MAX));
  if (manifest.tokenizer.max_length > longest) {
    raise(ErrorCode::invalid_file,
          concat(origin, ": 'tokenizer.max_length' is ", manifest.tokenizer.max_length,
                 "; the networks take at most ", longest));
  }
}

/// Reads the schema before anything else: a newer file shall be called newer, not full of mistakes.
FREEINIT_INLINE int parse_schema(JsonReader& root) {
  const std::int64_t schema = root.integer("schema", 0);
  if (schema != kManifestSchema) {
    raise(ErrorCode::unsupported,
          concat(root.origin(), ": 'schema' is ", schema,
                 "; this version of freeinit reads schema ", kManifestSchema));
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
  if (root.has("memory")) {
    manifest.memory = detail::parse_memory(root.object("memory"), manifest.vae);
  }
  if (root.has("preview")) manifest.latent_rgb = detail::parse_preview(root.object("preview"));
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
  std::error_code ignored;  // what cannot be looked at is not there for us either
  const std::filesystem::path path = bundle / "manifest.json";
  const auto has = [&](const char* file) {
    return std::filesystem::exists(bundle / file, ignored);
  };
  if (bundle.empty() || !has("manifest.json")) {
    const bool is_folder = std::filesystem::is_directory(bundle, ignored);
    const char* const what = !std::filesystem::exists(bundle, ignored) ? "no such folder"
                             : !is_folder                              ? "is a file"
                             : has("model_index.json") ? "is a pipeline of diffusers"
                                                       : "has no manifest.json";
    raise(ErrorCode::not_found,
          concat("bundle ", quote(bundle.string()), ": ", what,
                 "; expected the folder that freeinit-export makes of a model (docs/bundle.md)"));
  }
  const std::string origin = "manifest '" + path.string() + "'";
  // The list of files is no exception to what holds for the files: a link would show parts of any
  // text of this machine in messages, and in `inspect --json`.
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::canonical(bundle, failed);
  if (failed)
    raise(ErrorCode::io, concat("bundle ", quote(bundle.string()), ": ", failed.message()));
  detail::check_inside(folder, path, origin + ": ");
  return parse_manifest(detail::read_file(path, "manifest"), origin);
}

}  // namespace freeinit::inline FREEINIT_ABI
