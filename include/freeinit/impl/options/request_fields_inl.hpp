#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/name_help.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/impl/core/json_inl.hpp>
#include <freeinit/impl/options/context_fields_inl.hpp>
#include <freeinit/impl/options/field_access_inl.hpp>
#include <freeinit/impl/options/filter_schedule_inl.hpp>
#include <freeinit/impl/options/free_init_options_inl.hpp>
#include <freeinit/impl/options/frequency_filter_options_inl.hpp>
#include <freeinit/impl/options/noise_mix_options_inl.hpp>
#include <freeinit/impl/options/real_video_options_inl.hpp>
#include <freeinit/impl/options/sampler_config_inl.hpp>
#include <freeinit/options/request_fields.hpp>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

using Request = GenerationRequest;
using Fields = std::vector<RequestField>;

FREEINIT_INLINE void add_video_fields(Fields& fields) {
  const auto add = rows_under(fields, "Video", std::identity{});
  add({"prompt", "TEXT", "", "What the video shows", ""}, &Request::prompt);
  add({"num_frames", "N", "frames", "Length in frames", "1 to 1000000"}, &Request::num_frames);
  add({"height", "N", "pixels", "Height in pixels", "1 to 16384"}, &Request::height);
  add({"width", "N", "pixels", "Width in pixels", "1 to 16384"}, &Request::width);
  add({"fps", "X", "frames per second", "Frames per second, of the file and for models that ask",
       "above 0"},
      &Request::fps);
  add({"output_fps", "X", "frames per second",
       "Frames per second of the file, if others: VideoCrafter2 is told 28, its files have 10",
       "above 0"},
      &Request::output_fps);
  add({"num_videos", "N", "videos",
       "Videos; video k uses seed S + k and equals its single run bit for bit", "1 to 1024"},
      &Request::num_videos);
}

FREEINIT_INLINE void add_sampling_fields(Fields& fields) {
  const auto add = rows_under(fields, "Sampling", std::identity{});
  add({"negative_prompt", "TEXT", "", "What the video should not show", ""},
      &Request::negative_prompt);
  add({"mend_text", "", "",
       "Straighten curly quotes, ligatures, HTML entities and full-width letters of the prompts",
       ""},
      &Request::mend_text);
  add({"num_inference_steps", "N", "steps", "Denoising steps of a full pass", "at least 1"},
      &Request::num_inference_steps);
  add({"guidance_scale", "X", "", "Guidance; 1 or less switches it off", "finite"},
      &Request::guidance_scale);
  const RequestField interval{"guidance_interval",
                              "A B",
                              "noise level",
                              "Guidance only from noise level A to B: 0 is a clean video, 1 is "
                              "noise; elsewhere a step costs half",
                              "0 <= A <= B <= 1",
                              "Sampling"};
  fields.push_back(with_access(
      interval,
      [](const Request& request) {
        return std::vector{request.guidance_interval.from, request.guidance_interval.to};
      },
      [interval](Request& request, const std::vector<double>& ends) {
        if (ends.size() != 2) refuse_field(interval, field_text(ends), "two numbers");
        request.guidance_interval = {ends[0], ends[1]};
      }));
  add({"cache_interval", "N", "steps",
       "Run the whole UNet every N-th step, its first and last layers between them (DeepCache); "
       "needs a bundle split at export",
       "at least 1"},
      &Request::cache_interval);
  add({"sampler", "NAME", "", "Another sampler than the model's own, on its noise schedule",
       "ddim, pndm, euler, euler-ancestral, heun, dpmsolver++, unipc, lcm, tcd"},
      &Request::sampler);
  fields.push_back(with_access(
      {"sigmas", "NAME", "", "Spacing of noise levels: euler, heun, dpmsolver++, unipc",
       listed_names(kSigmaSpacingNames), "Sampling"},
      [](const Request& request) -> std::optional<std::string> {
        if (!request.sigma_spacing) return std::nullopt;
        return std::string(to_string(*request.sigma_spacing));
      },
      [](Request& request, const std::string& name) {
        request.sigma_spacing = sigma_spacing_from_string(name);
      }));
  add({"eta", "X", "", "Noise of each step of ddim and tcd", "0 to 1"}, &Request::eta);
  add({"seed", "N", "", "Seed S of the first video; a random one is printed", "0 to 2^64 - 1"},
      &Request::seed);
}

FREEINIT_INLINE void add_free_init_fields(Fields& fields) {
  const auto add = rows_under(fields, "FreeInit", &Request::free_init);
  add({"num_iters", "N", "passes", "FreeInit passes as in the authors' code: 1 is plain sampling",
       "1 to 1000"},
      &FreeInitOptions::num_iters);
  add({"fast_sampling", "", "", "Coarse to fine: pass i of N runs int(steps / N * i) steps", ""},
      &FreeInitOptions::fast_sampling);
  add({"profile", "NAME", "", "Whose rules where diffusers and the authors' code differ",
       listed_names(kProfileNames)},
      &FreeInitOptions::profile, profile_from_string);
}

/// The first filter of a request, const or not.
auto& first_filter(auto& request) {
  if (!request.free_init.filters.empty()) return request.free_init.filters.front();
  raise(ErrorCode::invalid_argument, "filters '[]': empty; expected at least one");
}

/// Read from the first filter, written to all of them.
FREEINIT_INLINE void add_filter_fields(Fields& fields) {
  using Filter = FrequencyFilterOptions;
  const auto add = [&fields](RequestField row, auto Filter::*member, auto... from_string) {
    rows_under(
        fields, "Filter", [](auto& request) -> auto& { return first_filter(request); })(
        std::move(row), member, from_string...);
    fields.back().set = [member, set = fields.back().set](Request& request, const auto& value) {
      set(request, value);
      for (Filter& filter : request.free_init.filters) {
        filter.*member = first_filter(request).*member;
      }
    };
  };
  add({"filter", "NAME", "", "Falloff of the low-pass filter", listed_names(kFilterMethodNames)},
      &Filter::method, filter_method_from_string);
  add({"order", "X", "", "Order of the Butterworth filter", "above 0"}, &Filter::order);
  add({"spatial_stop", "X", "Nyquist frequencies",
       "Spatial stop frequency; 1 is the Nyquist frequency", "0 to 1"},
      &Filter::spatial_stop_frequency);
  add({"temporal_stop", "X", "Nyquist frequencies", "Temporal stop frequency", "0 to 1"},
      &Filter::temporal_stop_frequency);
  add({"filter_variant", "NAME", "",
       "official: bit-equal to the authors' code; strict: the filter its name promises, symmetric "
       "at every size",
       listed_names(kFilterVariantNames)},
      &Filter::variant, filter_variant_from_string);
  add({"filter_axes", "NAME", "",
       "Which axes count; temporal looks at --temporal-stop alone, spatial at --spatial-stop",
       listed_names(kFilterAxesNames)},
      &Filter::axes, filter_axes_from_string);
}

FREEINIT_INLINE void add_mix_fields(Fields& fields) {
  const auto add = rows_under(
      fields, "Filter", [](auto& request) -> auto& { return request.free_init.mix; });
  add({"mix", "NAME", "", "How low and high band are put together", listed_names(kMixMethodNames)},
      &NoiseMixOptions::method, mix_method_from_string);
  add({"mix_ratio", "X", "", "freqprior: share of the old noise in both branches", "0 to 1"},
      &NoiseMixOptions::ratio);
  fields.push_back(with_access(
      {"filter_schedule", "LIST", "",
       "A filter for each re-initialisation, by commas; the last one stays",
       "NAME[:SPATIAL[:TEMPORAL[:ORDER[:VARIANT[:AXES]]]]], ...", "Filter"},
      [](const Request& request) { return schedule_text(request.free_init.filters); },
      [](Request& request, const std::string& text) {
        request.free_init.filters = schedule_from_text(text, first_filter(request));
      }));
}

FREEINIT_INLINE void add_network_call_fields(Fields& fields) {
  constexpr std::string_view kGroup = "Fewer network calls";
  const auto add = rows_under(
      fields, kGroup, [](auto& request) -> auto& { return request.free_init.intermediate; });
  add({"intermediate", "NAME", "",
       "What passes before the last hand on: all of it, what they stopped at, noised on (partial), "
       "or the clean prediction there",
       listed_names(kIntermediateResultNames)},
      &IntermediatePassOptions::result, intermediate_result_from_string);
  add({"intermediate_steps", "N", "network calls",
       "partial, prediction: network calls of each pass before the last", "at least 1"},
      &IntermediatePassOptions::steps);
  rows_under(fields, kGroup, &Request::free_init)(
      {"budget_calls", "N", "network calls",
       "Network calls of each video at most, the inversion of a real video included; the last pass "
       "always runs whole",
       "at least 1"},
      &FreeInitOptions::budget_calls);
}

FREEINIT_INLINE void add_other_fields(Fields& fields) {
  constexpr std::string_view kGroup = "Real video";
  const auto add = rows_under(fields, kGroup, &Request::real_video);
  add({"strength", "X", "",
       "Video to video: each pass runs the last X of its steps, from the video noised for them; "
       "without it the video only gives the noise",
       "above 0, at most 1"},
      &RealVideoOptions::strength);
  add({"init_source", "NAME", "",
       "diffuse: forward process to the last timestep; invert: DDIM inversion",
       listed_names(kVideoNoiseSourceNames)},
      &RealVideoOptions::source, video_noise_source_from_string);
  static constexpr NameTable<bool, 2> kBands{{{"full", false}, {"low", true}}};
  fields.push_back(with_access(
      {"init_band", "NAME", "",
       "What is kept of it; low: only what the filter keeps, with fresh high frequencies",
       listed_names(kBands), kGroup},
      [](const Request& request) {
        return std::string(name_of_value(request.real_video.low_band, kBands));
      },
      [](Request& request, const std::string& name) {
        request.real_video.low_band = value_from_name("init_band", name, kBands);
      }));
  rows_under(fields, "Machine", std::identity{})(
      {"decode_chunk_size", "N", "frames",
       "Frames the decoder sees at once: bounds its memory. Without it as many as have 65536 "
       "pixels together, at most 16",
       "at least 1"},
      &Request::decode_chunk_size);
  const auto add_tiling = rows_under(fields, "Machine", &Request::vae_tiling);
  add_tiling({"vae_tiling", "", "",
              "Decode and encode frames in overlapping tiles: memory of a tile, faint seams", ""},
             &VaeTilingOptions::enabled);
  add_tiling({"vae_tile_size", "N", "pixels", "Height and width of a tile", "1 to 16384"},
             &VaeTilingOptions::tile_size);
  add_tiling({"vae_tile_overlap", "X", "", "Share of a tile that its neighbour covers too",
              "0 or more, below 1"},
             &VaeTilingOptions::overlap);
}

/// A JSON value that no field can have becomes text, so that the field's message shows it.
FREEINIT_INLINE FieldValue field_from_json(const RequestField& field, const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  const auto is_number = [](const nlohmann::json& element) { return element.is_number(); };
  if (value.is_array() && std::all_of(value.begin(), value.end(), is_number)) {
    return value.get<std::vector<double>>();
  }
  const auto is_text = [](const nlohmann::json& element) { return element.is_string(); };
  if (value.is_array() && std::all_of(value.begin(), value.end(), is_text)) {
    return value.get<std::vector<std::string>>();
  }
  refuse_field(field, shown_json(value));
}

}  // namespace detail

FREEINIT_INLINE std::span<const RequestField> request_fields() {
  static const std::vector<RequestField> fields = [] {
    detail::Fields all;
    detail::add_video_fields(all);
    detail::add_sampling_fields(all);
    detail::add_free_init_fields(all);
    detail::add_filter_fields(all);
    detail::add_mix_fields(all);
    detail::add_network_call_fields(all);
    detail::add_context_fields(all);
    detail::add_other_fields(all);
    return all;
  }();
  return fields;
}

FREEINIT_INLINE const RequestField& find_request_field(std::string_view name) {
  const auto fields = request_fields();
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const RequestField& field) { return field.name == name; });
  if (found != fields.end()) return *found;
  const auto with = [](std::string text, char former, char now) {
    std::replace(text.begin(), text.end(), former, now);
    return text;
  };
  std::set<std::string> known;
  for (const RequestField& field : fields) known.insert(with(std::string(field.name), '_', '-'));
  auto meant = meant_names(with(std::string(name), '_', '-'), known);
  for (std::string& other : meant) other = with(other, '-', '_');
  const std::string hint = did_you_mean(meant);
  raise(ErrorCode::invalid_argument, concat("field ", quote(name), ": no field of a request",
                                            hint.empty() ? "; docs/command.md lists them" : hint));
}

FREEINIT_INLINE std::optional<FieldValue> field_value(const GenerationRequest& request,
                                                      std::string_view name) {
  return find_request_field(name).get(request);
}

FREEINIT_INLINE void set_field(GenerationRequest& request, std::string_view name,
                               const FieldValue& value) {
  find_request_field(name).set(request, value);
}

FREEINIT_INLINE void set_field_text(GenerationRequest& request, std::string_view name,
                                    std::string_view text) {
  const RequestField& field = find_request_field(name);
  field.set(request, field_from_text(field, text));
}

FREEINIT_INLINE GenerationRequest request_from_json(const std::string& text,
                                                    GenerationRequest defaults) {
  const nlohmann::json json = detail::parse_strict_json(text, "request");
  if (!json.is_object()) {
    raise(ErrorCode::invalid_file, concat("request ", quote(text), ": expected a JSON object"));
  }
  for (const auto& [key, value] : json.items()) static_cast<void>(find_request_field(key));
  for (const RequestField& field : request_fields()) {
    const auto found = json.find(field.name);
    if (found != json.end()) field.set(defaults, detail::field_from_json(field, *found));
  }
  return defaults;
}

FREEINIT_INLINE std::string request_to_json(const GenerationRequest& request) {
  auto json = nlohmann::ordered_json::object();
  for (const RequestField& field : request_fields()) {
    const std::optional<FieldValue> value = field.get(request);
    if (!value) continue;
    std::visit([&](const auto& plain) { json[std::string(field.name)] = plain; }, *value);
  }
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace freeinit::inline FREEINIT_ABI
