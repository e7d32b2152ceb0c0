#include <freeinit/core/text.hpp>
#include <freeinit/options/request_fields.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <string>

#include "support/error_of.hpp"

namespace request_fields_test {
namespace {

using freeinit::FieldKind;
using freeinit::FieldValue;
using freeinit::GenerationRequest;

/// A text for each field that is not its default.
const std::map<std::string_view, std::string> kChanged{
    {"prompt", "a \"cat\"\n\xC3\xA9"},
    {"negative_prompt", "blur"},
    {"mend_text", "true"},
    {"num_frames", "24"},
    {"height", "64"},
    {"width", "96"},
    {"fps", "28"},
    {"output_fps", "9.99"},
    {"num_videos", "2"},
    {"num_inference_steps", "30"},
    {"guidance_scale", "-0.1"},
    {"guidance_interval", "0.1 0.7"},
    {"cache_interval", "3"},
    {"sampler", "unipc"},
    {"sigmas", "karras"},
    {"eta", "0.30000000000000004"},
    {"seed", "18446744073709551615"},
    {"num_iters", "5"},
    {"fast_sampling", "true"},
    {"profile", "official"},
    {"filter", "gaussian"},
    {"order", "2"},
    {"spatial_stop", "0.3"},
    {"temporal_stop", "1e-05"},
    {"filter_variant", "strict"},
    {"filter_axes", "temporal"},
    {"filter_schedule", "gaussian:0.3,box"},
    {"mix", "freqprior"},
    {"mix_ratio", "0.5"},
    {"intermediate", "partial"},
    {"intermediate_steps", "4"},
    {"budget_calls", "99"},
    {"context_length", "12"},
    {"context_overlap", "3"},
    {"context_stride", "2"},
    {"context_schedule", "static"},
    {"context_fuse", "flat"},
    {"closed_loop", "true"},
    {"long_noise", "shuffle_context"},
    {"prompt_at", "0:a cat\n23:a dog: black"},
    {"strength", "0.6"},
    {"init_source", "invert"},
    {"init_band", "low"},
    {"decode_chunk_size", "1"},
    {"vae_tiling", "true"},
    {"vae_tile_size", "128"},
    {"vae_tile_overlap", "0.5"},
};

GenerationRequest changed_request() {
  GenerationRequest request;
  for (const auto& field : freeinit::request_fields()) {
    set_field_text(request, field.name, kChanged.at(field.name));
  }
  return request;
}

// The lists of names below do not compile once a structure has a member more: give it a row of the
// table and a line here.

void expect_all_differ(const freeinit::FrequencyFilterOptions& a,
                       const freeinit::FrequencyFilterOptions& b) {
  const auto& [method, order, spatial, temporal, variant, axes] = a;
  EXPECT_NE(method, b.method);
  EXPECT_NE(order, b.order);
  EXPECT_NE(spatial, b.spatial_stop_frequency);
  EXPECT_NE(temporal, b.temporal_stop_frequency);
  EXPECT_NE(variant, b.variant);
  EXPECT_NE(axes, b.axes);
}

void expect_all_differ(const freeinit::FreeInitOptions& a, const freeinit::FreeInitOptions& b) {
  const auto& [num_iters, filters, fast_sampling, profile, mix, intermediate, budget_calls] = a;
  EXPECT_NE(num_iters, b.num_iters);
  EXPECT_NE(filters.size(), b.filters.size());
  for (const auto& filter : filters) expect_all_differ(filter, b.filters[0]);
  EXPECT_NE(fast_sampling, b.fast_sampling);
  EXPECT_NE(profile, b.profile);
  const auto& [mix_method, ratio] = mix;
  EXPECT_NE(mix_method, b.mix.method);
  EXPECT_NE(ratio, b.mix.ratio);
  const auto& [result, steps] = intermediate;
  EXPECT_NE(result, b.intermediate.result);
  EXPECT_NE(steps, b.intermediate.steps);
  EXPECT_NE(budget_calls, b.budget_calls);
}

void expect_all_differ(const freeinit::ContextOptions& a, const freeinit::ContextOptions& b) {
  const auto& [length, overlap, stride, schedule, fuse, closed_loop, noise] = a;
  EXPECT_NE(length, b.length);
  EXPECT_NE(overlap, b.overlap);
  EXPECT_NE(stride, b.stride);
  EXPECT_NE(schedule, b.schedule);
  EXPECT_NE(fuse, b.fuse);
  EXPECT_NE(closed_loop, b.closed_loop);
  EXPECT_NE(noise, b.noise);
}

TEST(RequestFields, ReachEveryMemberOfARequest) {
  const GenerationRequest b;
  const GenerationRequest a = changed_request();
  const auto& [prompt, negative_prompt, prompt_at, mend_text, num_frames, height, width, fps,
               output_fps, steps, guidance_scale, guidance_interval, cache_interval, eta, sampler,
               sigma_spacing, seed, num_videos, free_init, context, real_video, decode_chunk_size,
               vae_tiling] = a;
  EXPECT_NE(prompt, b.prompt);
  EXPECT_NE(negative_prompt, b.negative_prompt);
  EXPECT_NE(mend_text, b.mend_text);
  EXPECT_NE(num_frames, b.num_frames);
  EXPECT_NE(height, b.height);
  EXPECT_NE(width, b.width);
  EXPECT_NE(fps, b.fps);
  EXPECT_NE(output_fps, b.output_fps);
  EXPECT_NE(steps, b.num_inference_steps);
  EXPECT_NE(guidance_scale, b.guidance_scale);
  const auto& [from, to] = guidance_interval;
  EXPECT_NE(from, b.guidance_interval.from);
  EXPECT_NE(to, b.guidance_interval.to);
  EXPECT_NE(cache_interval, b.cache_interval);
  EXPECT_NE(eta, b.eta);
  EXPECT_NE(sampler, b.sampler);
  EXPECT_NE(sigma_spacing, b.sigma_spacing);
  EXPECT_NE(seed, b.seed);
  EXPECT_NE(num_videos, b.num_videos);
  EXPECT_NE(prompt_at, b.prompt_at);
  expect_all_differ(free_init, b.free_init);
  expect_all_differ(context, b.context);
  const auto& [source, low_band, strength] = real_video;
  EXPECT_NE(source, b.real_video.source);
  EXPECT_NE(low_band, b.real_video.low_band);
  EXPECT_NE(strength, b.real_video.strength);
  EXPECT_NE(decode_chunk_size, b.decode_chunk_size);
  const auto& [tiles, tile_size, overlap] = vae_tiling;
  EXPECT_NE(tiles, b.vae_tiling.enabled);
  EXPECT_NE(tile_size, b.vae_tiling.tile_size);
  EXPECT_NE(overlap, b.vae_tiling.overlap);
  EXPECT_ERROR(invalid_argument, "the static schedule has none", (a.validate(), 0));
  GenerationRequest without_stride = a;
  without_stride.context.stride = 1;
  EXPECT_NO_THROW(without_stride.validate());
}

TEST(RequestFields, SetTheirOwnMemberAlone) {
  EXPECT_EQ(kChanged.size(), freeinit::request_fields().size());
  for (const auto& field : freeinit::request_fields()) {
    GenerationRequest request;
    set_field_text(request, field.name, kChanged.at(field.name));
    EXPECT_NE(request, GenerationRequest{}) << field.name;
    for (const auto& other : freeinit::request_fields()) {
      if (other.name == field.name || field.name == "filter_schedule") continue;
      EXPECT_EQ(other.get(request), other.get(GenerationRequest{})) << field.name << other.name;
    }
    if (field.name == "filter_schedule") continue;  // its text comes back with all numbers
    const auto value = field_value(request, field.name);
    ASSERT_TRUE(value.has_value()) << field.name;
    EXPECT_EQ(value->index(), static_cast<std::size_t>(field.kind)) << field.name;
    EXPECT_EQ(freeinit::field_text(*value), kChanged.at(field.name));
  }
}

TEST(RequestFields, ComeBackFromJson) {
  const GenerationRequest request = changed_request();
  EXPECT_EQ(freeinit::request_from_json(request_to_json(request)), request);
  EXPECT_EQ(freeinit::request_from_json(freeinit::request_to_json({})), GenerationRequest{});
  GenerationRequest mixed = request;  // filters that differ in everything
  mixed.free_init.filters.push_back({.order = 1.5, .axes = freeinit::FilterAxes::spatial});
  EXPECT_EQ(freeinit::request_from_json(request_to_json(mixed)), mixed);
  EXPECT_NE(freeinit::request_to_json({.prompt = "\xFF"}).find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(RequestFields, OfJsonStandOverTheDefaultsInAnyOrder) {
  const auto request = freeinit::request_from_json(
      R"({"filter_schedule": "box,ideal:0.5", "order": 2, "spatial_stop": 0.1, "fps": 12})",
      {.num_frames = 4, .fps = 3});
  EXPECT_EQ(request.num_frames, 4);
  EXPECT_EQ(request.fps, 12.0);
  const auto& filters = request.free_init.filters;
  ASSERT_EQ(filters.size(), 2U);
  EXPECT_EQ(filters[0].method, freeinit::FilterMethod::box);
  EXPECT_EQ(filters[0].spatial_stop_frequency, 0.1);
  EXPECT_EQ(filters[1].spatial_stop_frequency, 0.5);
  EXPECT_EQ(filters[1].order, 2.0);
  EXPECT_EQ(freeinit::request_from_json(R"({"order": 3})", request).free_init.filters[1].order, 3);
}

TEST(RequestFields, WholeNumbersOfJsonMayHaveAPoint) {
  const auto request = freeinit::request_from_json(R"({"width": 64.0, "seed": 5e0})");
  EXPECT_EQ(request.width, 64);
  EXPECT_EQ(request.seed, 5U);
}

TEST(RequestFields, OfJsonAreRefusedInOneLine) {
  const auto refused = [](const std::string& text) { return freeinit::request_from_json(text); };
  const std::map<std::string, std::string> hints{{"num_frame", "; did you mean 'num_frames'?"},
                                                 {"steps", "; did you mean 'num_inference_steps'?"},
                                                 {"num_passes", "; did you mean 'num_iters'?"},
                                                 {"device", "; docs/command.md lists them"}};
  for (const auto& [name, hint] : hints) {
    const std::string line = "field '" + name + "': no field of a request" + hint;
    const std::string text = "{\"" + name + "\": 3}";
    EXPECT_ERROR(invalid_argument, line, refused(text));
  }
  EXPECT_ERROR(invalid_argument, "num_frames 'x': expected a whole number",
               refused(R"({"num_frames": "x"})"));
  EXPECT_ERROR(invalid_argument, "num_frames '1.5'", refused(R"({"num_frames": 1.5})"));
  EXPECT_ERROR(invalid_argument, "seed '-1'", refused(R"({"seed": -1.0})"));
  EXPECT_ERROR(invalid_argument, "seed '9007199254740992'",
               refused(R"({"seed": 9007199254740992.0})"));
  EXPECT_ERROR(invalid_argument, "num_frames '9223372036854775808'",
               refused(R"({"num_frames": 9223372036854775808})"));
  EXPECT_ERROR(invalid_argument, "num_frames 'true'", refused(R"({"num_frames": true})"));
  EXPECT_ERROR(invalid_argument, "fps 'null': expected a finite number",
               refused(R"({"fps":null})"));
  EXPECT_ERROR(invalid_argument, "seed '-1'", refused(R"({"seed": -1})"));
  EXPECT_ERROR(invalid_argument, "prompt '{\"a\":\"\\u00e9\"}': expected text",
               refused("{\"prompt\": {\"a\": \"\xC3\xA9\"}}"));
  EXPECT_ERROR(invalid_argument, "guidance_interval '0.5': expected two numbers",
               refused(R"({"guidance_interval": [0.5]})"));
  EXPECT_ERROR(invalid_argument, "guidance_interval '[0,\"1\"]'",
               refused(R"({"guidance_interval": [0, "1"]})"));
  EXPECT_ERROR(invalid_argument, "full, low", refused(R"({"init_band": "high"})"));
  EXPECT_ERROR(invalid_file, "occurs twice", refused(R"({"fps": 1, "fps": 2})"));
  EXPECT_ERROR(invalid_file, "expected a JSON object", refused("[]"));
  EXPECT_ERROR(invalid_file, "not valid JSON", refused("{"));
}

TEST(RequestFields, OfTextAreRefusedInOneLine) {
  const auto refused = [](std::string_view name, std::string_view text) {
    GenerationRequest request;
    set_field_text(request, name, text);
  };
  for (const char* text : {"x", "", "1.5", "3 ", "+3", "9223372036854775808"}) {
    EXPECT_ERROR(invalid_argument, freeinit::concat("num_frames '", text, "': expected a whole "),
                 refused("num_frames", text));
  }
  EXPECT_ERROR(invalid_argument, "seed '-1': expected a whole number, 0 to 2^64 - 1",
               refused("seed", "-1"));
  EXPECT_ERROR(invalid_argument, "fps 'nan': expected a finite number", refused("fps", "nan"));
  EXPECT_ERROR(invalid_argument, "eta '0,5'", refused("eta", "0,5"));
  // What the type does not hold is refused with the range of the setting.
  EXPECT_ERROR(invalid_argument,
               "num_iters '99999999999999999999': expected a whole number, 1 to 1000",
               refused("num_iters", "99999999999999999999"));
  EXPECT_ERROR(invalid_argument,
               "seed '18446744073709551616': expected a whole number, 0 to 2^64 - 1",
               refused("seed", "18446744073709551616"));
  EXPECT_ERROR(invalid_argument, "eta '1e999': expected a finite number, 0 to 1",
               refused("eta", "1e999"));
  EXPECT_ERROR(invalid_argument, "fast_sampling 'yes': expected true or false",
               refused("fast_sampling", "yes"));
  EXPECT_ERROR(invalid_argument, "guidance_interval '0.1 x'",
               refused("guidance_interval", "0.1 x"));
  EXPECT_ERROR(invalid_argument, "expected two numbers", refused("guidance_interval", "0 1 2"));
  EXPECT_ERROR(invalid_argument, "diffusers, official", refused("profile", "webui"));
  EXPECT_ERROR(invalid_argument, "did you mean 'fps'?", refused("fsp", "1"));
  const auto schedule = [&](std::string_view text) { refused("filter_schedule", text); };
  EXPECT_ERROR(invalid_argument, "prompt_at 'a cat': expected FRAME:TEXT",
               refused("prompt_at", "0:a\na cat"));
  EXPECT_ERROR(invalid_argument, "prompt_at '1.5:a cat'", refused("prompt_at", "1.5:a cat"));
  EXPECT_ERROR(invalid_argument, "uniform, static", refused("context_schedule", "batched"));
  EXPECT_ERROR(invalid_argument, "filter method ''", schedule("box,"));
  EXPECT_ERROR(invalid_argument, "filter schedule entry 'box:a': 'a' is no number",
               schedule("box:a"));
  EXPECT_ERROR(invalid_argument, "too many parts", schedule("box:1:1:1:strict:spatial:1"));
}

TEST(RequestFields, SayWhatTheyAre) {
  for (const auto& field : freeinit::request_fields()) {
    EXPECT_FALSE(field.group.empty() || field.help.empty()) << field.name;
    EXPECT_EQ(field.help.find('\n'), field.help.npos) << field.name;
    EXPECT_EQ(field.type.empty(), field.kind == FieldKind::flag) << field.name;
  }
  EXPECT_EQ(freeinit::find_request_field("filter").limits, "butterworth, gaussian, ideal, box");
  GenerationRequest request;
  set_field(request, "fps", 24);  // a whole number where any number fits
  EXPECT_EQ(field_value(request, "fps"), FieldValue(24.0));
  EXPECT_EQ(field_value(request, "output_fps"), std::nullopt);
}

std::string default_of(const freeinit::RequestField& field) {
  if (field.name == "seed") return "random";  // the command draws one
  const auto value = field.get(GenerationRequest{});
  const std::string text = value ? freeinit::field_text(*value) : "";
  return text.empty() ? "" : "`" + text + "`";
}

/// The table of settings as docs/command.md has it.
std::string markdown() {
  std::string text, group;
  for (const auto& field : freeinit::request_fields()) {
    if (field.name == "prompt") continue;  // an argument, not an option
    if (field.group != group) {
      group = field.group;
      text += freeinit::concat("\n| ", group, " | | accepted | default |\n|---|---|---|---|\n");
    }
    std::string option(field.name);
    std::replace(option.begin(), option.end(), '_', '-');
    text += freeinit::concat("| `--", option, field.type.empty() ? "" : " ", field.type, "` | ",
                             field.help, " | ", field.limits, " | ", default_of(field), " |\n");
  }
  return text;
}

TEST(RequestFields, AreTheTableOfTheDocumentation) {
  std::stringstream page;
  page << std::ifstream(FREEINIT_SOURCE_DIR "/docs/command.md").rdbuf();
  const std::string wanted = "<!-- fields: begin -->\n" + markdown() + "\n<!-- fields: end -->";
  EXPECT_TRUE(page.str().find(wanted) != std::string::npos) << "docs/command.md wants this table:\n"
                                                            << wanted;
}

}  // namespace
}  // namespace request_fields_test
