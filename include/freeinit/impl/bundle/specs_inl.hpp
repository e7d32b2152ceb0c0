#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/impl/core/json_inl.hpp>
#include <freeinit/options/request_fields.hpp>

#include <algorithm>
#include <set>
#include <string_view>

// The sections of a manifest, one function each. Every message names the file and the key.
namespace freeinit::inline FREEINIT_ABI::detail {

/// The key "dtype": what networks compute in.
FREEINIT_INLINE std::string parse_dtype(JsonReader& section) {
  return section.one_of("dtype", {"float32", "float16", "bfloat16"});
}

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
  unet.format = section.one_of("format", {"torchscript"});
  unet.dtype = parse_dtype(section);
  unet.in_channels = section.count("in_channels", 1);
  unet.context_dim = section.count("context_dim", 1);
  unet.latent_multiple_of = section.count("latent_multiple_of", 1);
  if (section.has_value("max_frames")) unet.max_frames = section.count("max_frames", 1);
  if (section.has_value("max_text_length")) {
    unet.max_text_length = section.count("max_text_length", 1);
  }
  if (section.has_value("max_guidance_scale")) {
    unet.max_guidance_scale = section.positive("max_guidance_scale");
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
  // OpenVINO reads the weights that lie beside its graph: nobody may slip them in.
  std::filesystem::path weights = backend.file;
  if (weights.extension() == ".xml" &&
      !manifest.files.contains(weights.replace_extension(".bin").string())) {
    section.refuse("file",
                   concat("one whose weights, ", quote(weights.string()), ", 'files' lists"));
  }
  backend.converted_from = section.text("converted_from");
  if (backend.converted_from != manifest.files.at(manifest.unet.file).sha256) {
    section.refuse("converted_from",
                   concat("the sha256 of ", quote(manifest.unet.file), "; convert it again"));
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
  encoder.dtype = parse_dtype(section);
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
  vae.dtype = parse_dtype(section);
  vae.latent_channels = section.count("latent_channels", 1);
  vae.spatial_scale = section.count("spatial_scale", 1);
  vae.scaling_factor = section.positive("scaling_factor");
  section.finish();
  return vae;
}

/// One network of the section "memory".
FREEINIT_INLINE MemorySpec parse_network_memory(JsonReader section) {
  const auto bytes = [&section](const std::string& key) {
    constexpr std::int64_t kMost = std::int64_t{1} << 44;  // what is added up stays far from 2^63
    const std::int64_t found = section.integer(key, 0);
    if (found > kMost) section.refuse(key, concat("an integer of at most ", kMost));
    return found;
  };
  MemorySpec memory;
  memory.weights = bytes("weights");
  memory.call = bytes("call");
  memory.per_latent = section.count("per_latent", 0);
  section.finish();
  return memory;
}

/// Of every network that the bundle has.
FREEINIT_INLINE std::map<std::string, MemorySpec> parse_memory(JsonReader section,
                                                               const AutoencoderSpec& vae) {
  std::map<std::string, MemorySpec> memory;
  for (const char* network : {"text_encoder", "unet", "vae_decoder", "vae_encoder"}) {
    if (std::string_view(network) == "vae_encoder" && vae.encoder_file.empty()) continue;
    memory.emplace(network, parse_network_memory(section.object(network)));
  }
  section.finish();
  return memory;
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
  if (section.has("words")) tokenizer.words = section.texts("words");
  section.finish();
  return tokenizer;
}

/// The value that has this name.
template <class Value>
void read_if_present(JsonReader& section, const std::string& key, Value& value,
                     Value (*from_string)(std::string_view)) {
  if (section.has(key)) value = section.named(key, from_string);
}

/// Runs `use` on values of a section: what they are refused for is a mistake of the file.
template <class Use>
auto of_section(const JsonReader& section, const std::string& name, Use use) {
  try {
    return use();
  } catch (const Error& error) {
    raise(ErrorCode::invalid_file, section.origin() + ": '" + name + "': " + error.what());
  }
}

/// What absent keys mean, where a class of diffusers differs from its DDIMScheduler.
FREEINIT_INLINE SamplerConfig class_defaults(std::string_view name) {
  SamplerConfig scheduler{.sampler = std::string(name)};
  const auto is = [name](auto... names) { return ((name == names) || ...); };
  if (is("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler",
         "DPMSolverMultistepScheduler", "UniPCMultistepScheduler")) {
    scheduler.timestep_spacing = TimestepSpacing::linspace;
  }
  if (is("HeunDiscreteScheduler", "LCMScheduler", "TCDScheduler")) {
    scheduler.beta_start = 0.00085;
    scheduler.beta_end = 0.012;
    scheduler.clip_sample = false;
  }
  if (is("LCMScheduler", "TCDScheduler")) scheduler.beta_schedule = BetaSchedule::scaled_linear;
  if (is("PNDMScheduler")) scheduler.set_alpha_to_one = false;
  return scheduler;
}

/// Settings of single samplers; `SamplerConfig` has one field for the three spacings of sigmas.
FREEINIT_INLINE void parse_solver(JsonReader& section, SamplerConfig& scheduler) {
  for (const SigmaSpacing spacing :
       {SigmaSpacing::karras, SigmaSpacing::exponential, SigmaSpacing::beta}) {
    bool used = false;
    const std::string key = "use_" + std::string(to_string(spacing)) + "_sigmas";
    read_if_present(section, key, used);
    if (!used) continue;
    if (scheduler.sigma_spacing != SigmaSpacing::timesteps) {
      section.refuse(key, "one spacing of sigmas at most");
    }
    scheduler.sigma_spacing = spacing;
  }
  read_if_present(section, "final_sigmas_type", scheduler.final_sigmas_type,
                  final_sigma_from_string);
  read_if_present(section, "solver_order", scheduler.solver_order, 1);
  read_if_present(section, "algorithm_type", scheduler.algorithm_type, algorithm_type_from_string);
  SolverType solver{};
  if (section.has_value("solver_type")) {
    read_if_present(section, "solver_type", solver, solver_type_from_string);
    scheduler.solver_type = solver;
  }
  read_if_present(section, "lower_order_final", scheduler.lower_order_final);
  read_if_present(section, "euler_at_final", scheduler.euler_at_final);
  read_if_present(section, "predict_x0", scheduler.predict_x0);
  read_if_present(section, "original_inference_steps", scheduler.original_inference_steps, 1);
  read_if_present(section, "timestep_scaling", scheduler.timestep_scaling);
  bool skips = true;
  read_if_present(section, "skip_prk_steps", skips);
  if (!skips) section.refuse("skip_prk_steps", "true: the Runge-Kutta start is not known");
}

/// `_class_name` names the sampler, as in diffusers' files; without it the sampler is DDIM.
FREEINIT_INLINE SamplerConfig parse_scheduler(JsonReader section) {
  SamplerConfig scheduler;
  read_if_present(section, "_class_name", scheduler.sampler);
  scheduler = class_defaults(scheduler.sampler);
  section.ignore_underscored();
  read_if_present(section, "num_train_timesteps", scheduler.num_train_timesteps, 1);
  read_if_present(section, "beta_start", scheduler.beta_start);
  read_if_present(section, "beta_end", scheduler.beta_end);
  read_if_present(section, "beta_schedule", scheduler.beta_schedule, beta_schedule_from_string);
  if (section.has_value("trained_betas")) {
    scheduler.trained_betas = section.numbers("trained_betas");
  }
  read_if_present(section, "clip_sample", scheduler.clip_sample);
  read_if_present(section, "clip_sample_range", scheduler.clip_sample_range);
  read_if_present(section, "set_alpha_to_one", scheduler.set_alpha_to_one);
  read_if_present(section, "steps_offset", scheduler.steps_offset, 0);
  read_if_present(section, "prediction_type", scheduler.prediction_type,
                  prediction_type_from_string);
  read_if_present(section, "thresholding", scheduler.thresholding);
  read_if_present(section, "dynamic_thresholding_ratio", scheduler.dynamic_thresholding_ratio);
  read_if_present(section, "sample_max_value", scheduler.sample_max_value);
  read_if_present(section, "timestep_spacing", scheduler.timestep_spacing,
                  timestep_spacing_from_string);
  read_if_present(section, "rescale_betas_zero_snr", scheduler.rescale_betas_zero_snr);
  if (section.has_value("dynamic_rescale")) {
    scheduler.dynamic_rescale = section.numbers("dynamic_rescale");
  }
  read_if_present(section, "always_draw_noise", scheduler.always_draw_noise);
  parse_solver(section, scheduler);
  section.finish();
  of_section(section, "scheduler", [&] { scheduler.validate(); });
  return scheduler;
}

/// Every setting of a request but those that are a run's own. The filter stands in an object, by
/// diffusers' names.
FREEINIT_INLINE GenerationRequest parse_recommended(JsonReader section) {
  auto settings = nlohmann::json::object();
  const auto take = [&settings](JsonReader& from, const std::string& key, std::string_view field) {
    if (from.has_value(key)) settings[std::string(field)] = from.required(key);
  };
  if (section.has("filter")) {
    JsonReader filter = section.object("filter");
    take(filter, "method", "filter");
    take(filter, "order", "order");
    take(filter, "spatial_stop_frequency", "spatial_stop");
    take(filter, "temporal_stop_frequency", "temporal_stop");
    filter.finish();
  }
  const std::set<std::string_view> others{"filter", "prompt", "seed", "num_videos"};
  for (const RequestField& field : request_fields()) {
    if (!others.contains(field.name)) take(section, std::string(field.name), field.name);
  }
  section.finish();
  return of_section(section, "recommended", [&] {
    GenerationRequest request = request_from_json(settings.dump());
    request.validate();
    return request;
  });
}

}  // namespace freeinit::inline FREEINIT_ABI::detail
