#include "bundle/manifest_example.hpp"
#include "io/raw_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/impl/core/json_inl.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

namespace io_test {
namespace {

using freeinit::parse_manifest;
using freeinit::detail::JsonReader;
using nlohmann::json;

// A reader refers to its value: one that is gone at the end of the line would dangle.
static_assert(std::is_constructible_v<JsonReader, const json&, std::string, std::string>);
static_assert(!std::is_constructible_v<JsonReader, json, std::string, std::string>);

TEST(Manifest, ReadsEveryKey) {
  const freeinit::Manifest manifest = parse_manifest(example_manifest().dump(), "m");
  EXPECT_EQ(manifest.name, "demo");
  EXPECT_EQ(manifest.created_by.at("torch"), "2.13.0");
  EXPECT_EQ(manifest.files.size(), 6U);
  EXPECT_EQ(manifest.unet.context_dim, 32);
  EXPECT_EQ(manifest.unet.max_frames, 32);
  EXPECT_FALSE(manifest.unet.max_text_length.has_value());
  EXPECT_EQ(manifest.unet.max_guidance_scale, 7.5);
  EXPECT_EQ(manifest.unet.verified_shapes[1], (std::vector<std::int64_t>{2, 5, 8, 12, 77}));
  EXPECT_EQ(manifest.unet.verified_max_relative_error, 1e-6);
  EXPECT_EQ(manifest.vae.encoder_file, "vae_encoder.pt");
  EXPECT_EQ(manifest.vae.scaling_factor, 0.18215);
  EXPECT_EQ(manifest.tokenizer.pad_token_id, 0);
  EXPECT_EQ(manifest.scheduler.beta_start, 0.00085);
  EXPECT_EQ(manifest.scheduler.steps_offset, 1);
  EXPECT_TRUE(manifest.scheduler.trained_betas.empty());
  EXPECT_TRUE(manifest.scheduler.dynamic_rescale.empty());
  EXPECT_TRUE(manifest.scheduler.always_draw_noise);
  EXPECT_FALSE(manifest.tokenizer.match_pad_token);
  EXPECT_EQ(manifest.recommended.fps, 10.0);
  EXPECT_EQ(manifest.recommended.output_fps, 5.0);
  EXPECT_EQ(manifest.recommended.free_init.filters.front().method,
            freeinit::FilterMethod::gaussian);
  EXPECT_EQ(manifest.recommended.free_init.filters.front().temporal_stop_frequency, 0.2);
}

TEST(Manifest, RecommendsWhateverASettingCanBe) {
  json text = example_manifest();
  text["tokenizer"]["words"] = {"a", "red"};
  text["recommended"]["mend_text"] = true;
  text["recommended"]["mix"] = "variance-preserving";
  text["recommended"]["output_fps"] = nullptr;
  const freeinit::Manifest manifest = parse_manifest(text.dump(), "m");
  EXPECT_EQ(manifest.tokenizer.words, (std::vector<std::string>{"a", "red"}));
  EXPECT_TRUE(manifest.recommended.mend_text);
  EXPECT_EQ(manifest.recommended.free_init.mix.method, freeinit::MixMethod::variance_preserving);
  EXPECT_FALSE(manifest.recommended.output_fps.has_value());
}

TEST(Manifest, ReadsTheExampleOfTheDocumentation) {
  const std::string page = file_content(FREEINIT_SOURCE_DIR "/docs/bundle.md");
  const std::size_t begin = page.find("```json\n") + 8;
  const std::string example = page.substr(begin, page.find("```", begin) - begin);
  EXPECT_EQ(parse_manifest(example, "docs/bundle.md").unet.latent_multiple_of, 8);
}

TEST(Manifest, AbsentKeysOfSchedulerAndRecommendedKeepTheDefaults) {
  json text = example_manifest();
  text["scheduler"] = {
      {"num_train_timesteps", 2}, {"trained_betas", {0.1, 0.2}}, {"dynamic_rescale", {1.0, 0.7}}};
  text["tokenizer"].erase("match_pad_token");
  text["recommended"] = json::object();
  const freeinit::Manifest manifest = parse_manifest(text.dump(), "m");
  EXPECT_EQ(manifest.scheduler.beta_end, 0.02);
  EXPECT_TRUE(manifest.scheduler.set_alpha_to_one);
  EXPECT_EQ(manifest.scheduler.trained_betas, (std::vector<double>{0.1, 0.2}));
  EXPECT_EQ(manifest.scheduler.dynamic_rescale, (std::vector<double>{1.0, 0.7}));
  EXPECT_FALSE(manifest.scheduler.always_draw_noise);
  EXPECT_TRUE(manifest.tokenizer.match_pad_token);
  EXPECT_EQ(manifest.recommended.free_init.num_iters, 3);
  EXPECT_FALSE(manifest.recommended.output_fps.has_value());
  EXPECT_EQ(manifest.recommended.free_init.filters.front().method,
            freeinit::FilterMethod::butterworth);
  EXPECT_EQ(manifest.scheduler.sampler, "ddim");
  text["scheduler"]["_class_name"] = "EulerDiscreteScheduler";
  text["scheduler"]["_diffusers_version"] = "0.35";
  EXPECT_EQ(parse_manifest(text.dump(), "m").scheduler.sampler, "EulerDiscreteScheduler");
}

/// The example with the UNet converted for another runtime.
json with_backend(const std::string& name, const json& change = json::object()) {
  json text = example_manifest();
  text["files"]["unet.other"] = text["files"]["unet.pt"];
  text["unet_backends"][name] = {{"file", "unet.other"},
                                 {"converted_from", text["files"]["unet.pt"]["sha256"]},
                                 {"verified_max_relative_error", 3e-6}};
  text["unet_backends"][name].update(change);
  return text;
}

TEST(Manifest, ReadsConvertedUNets) {
  EXPECT_TRUE(parse_manifest(example_manifest().dump(), "m").unet_backends.empty());
  // The last is one that no build knows, with a key of its own: whoever chooses it is refused.
  for (const char* name : {"openvino", "int8", "float16-weights", "onnx"}) {
    const std::string text = with_backend(name, {{"opset", 21}}).dump();
    const auto found = parse_manifest(text, "m").unet_backends;
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found.at(name).file, "unet.other");
    EXPECT_EQ(found.at(name).verified_max_relative_error, 3e-6);
  }
}

TEST(Manifest, RefusesConvertedUNetsByName) {
  const auto refused = [](const std::string& name, const json& change) {
    const std::string text = with_backend(name, change).dump();
    return error_of([&] { (void)parse_manifest(text, "m"); }).what() + std::string();
  };
  const auto says = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  says(refused("openvino", {{"converted_from", "ab"}}),
       "'unet_backends.openvino.converted_from' is \"ab\"; expected the sha256 of 'unet.pt'");
  says(refused("openvino", {{"file", "../unet.xml"}}),
       "expected a relative path inside the bundle");
  says(refused("openvino", {{"verified_max_relative_error", -1}}), "a number of at least 0");
  says(refused("onnx", {{"file", "unet.onnx"}}), "'unet_backends.onnx.file'");
}

// OpenVINO reads what lies beside the graph under its name.
TEST(Manifest, RefusesAGraphWhoseWeightsAreNotListed) {
  json text = with_backend("openvino", {{"file", "other/unet.xml"}});
  text["files"]["other/unet.xml"] = text["files"]["unet.pt"];
  EXPECT_ERROR(invalid_file, "expected one whose weights, 'other/unet.bin', 'files' lists",
               parse_manifest(text.dump(), "m"));
  text["files"]["other/unet.bin"] = text["files"]["unet.pt"];
  EXPECT_NO_THROW((void)parse_manifest(text.dump(), "m"));
}

TEST(Manifest, BundleWithoutAnEncoder) {
  json text = example_manifest();
  text["vae"]["encoder_file"] = "";
  text["memory"].erase("vae_encoder");
  EXPECT_EQ(parse_manifest(text.dump(), "m").vae.encoder_file, "");
}

TEST(Manifest, ContractsAreCanonical) {
  const freeinit::Manifest manifest = parse_manifest(example_manifest().dump(4), "m");
  EXPECT_EQ(manifest.contracts.size(), 3U);
  EXPECT_EQ(manifest.contracts.at("text_encoder"),
            R"({"dtype":"float32","file":"text_encoder.pt","max_length":77,"width":32})");
}

TEST(Manifest, AnotherSchemaIsUnsupportedWhateverElseItSays) {
  EXPECT_ERROR(unsupported, "m: 'schema' is 2; this version of freeinit reads schema 1",
               parse_manifest(R"({"schema":2,"new_key":[]})", "m"));
}

TEST(Manifest, NotJson) {
  EXPECT_ERROR(invalid_file, "not valid JSON", parse_manifest("{\"schema\":1", "m"));
  EXPECT_ERROR(invalid_file, "not valid JSON", parse_manifest("", "m"));
  EXPECT_ERROR(invalid_file, "is not a JSON object", parse_manifest("[]", "m"));
  EXPECT_ERROR(invalid_file, "'schema' occurs twice",
               parse_manifest(R"({"schema":1,"schema":1})", "m"));
}

struct BadManifest {
  const char* pointer;
  json value;  // null removes the key
  const char* says;
};

const std::vector<BadManifest>& bad_manifests() {
  static const std::vector<BadManifest> cases{
      {"/nmae", "x", "unknown key 'nmae'; the nearest known key is 'name'"},
      {"/unet/max_frame", 3,
       "unknown key 'unet.max_frame'; the nearest known key is 'unet.max_frames'"},
      {"/scheduler/beta_strat", 1, "the nearest known key is 'scheduler.beta_start'"},
      {"/recommended/filter/metod", "x", "the nearest known key is 'recommended.filter.method'"},
      {"/files/unet.pt/md5", "x", "unknown key 'files.unet.pt.md5'"},
      {"/license", nullptr, "the key 'license' is missing"},
      {"/vae", nullptr, "the key 'vae' is missing"},
      {"/tokenizer/pad_token_id", nullptr, "the key 'tokenizer.pad_token_id' is missing"},
      {"/unet", 3, "'unet' is not a JSON object"},
      {"/unet/in_channels", "4", "'unet.in_channels' is \"4\"; expected an integer of at least 1"},
      {"/unet/in_channels", 4.0, "expected an integer of at least 1"},
      {"/unet/in_channels", 0, "expected an integer of at least 1"},
      {"/unet/in_channels", std::uint64_t{1} << 63, "expected an integer of at least 1"},
      {"/vae/spatial_scale", std::uint64_t{1} << 31, "expected an integer of at most 2147483647"},
      {"/unet/max_guidance_scale", 0, "expected a number above 0"},
      {"/unet/uses_fps", 1, "expected true or false"},
      {"/unet/dtype", "int8",
       "'unet.dtype' is \"int8\"; expected one of float32, float16, bfloat16"},
      {"/unet/format", "onnx", "expected torchscript"},
      {"/unet/verified_shapes", json::array({1}), "expected a list of shapes"},
      {"/unet/verified_shapes/0/0", 0, "expected a list of shapes"},
      {"/unet/verified_max_relative_error", -1, "expected a number of at least 0"},
      {"/unet/file", "other.pt", "'unet.file' is \"other.pt\"; expected a path that 'files' lists"},
      {"/unet/file", "/etc/passwd", "expected a relative path inside the bundle"},
      {"/unet/file", "../unet.pt", "expected a relative path inside the bundle"},
      {"/files/a~1..~1..~1b", {{"bytes", 0}}, "'files' lists 'a/../../b'"},
      {"/files/unet.pt/sha256", "E3", "expected 64 lower-case hexadecimal digits"},
      {"/files/unet.pt/bytes", -1, "expected an integer of at least 0"},
      {"/vae/scaling_factor", 0, "expected a number above 0"},
      {"/text_encoder/width", 33, "'text_encoder.width' is 33 but 'unet.context_dim' is 32"},
      {"/vae/latent_channels", 8, "'vae.latent_channels' is 8 but 'unet.in_channels' is 4"},
      {"/unet/max_text_length", 50, "'tokenizer.max_length' is 77; the networks take at most 50"},
      {"/scheduler/trained_betas", "x", "expected a list of numbers"},
      {"/scheduler/steps_offset", nullptr, nullptr},
      {"/scheduler/use_karras_sigmas", "yes", "expected true or false"},
      {"/scheduler/skip_prk_steps", false, "the Runge-Kutta start is not known"},
      {"/scheduler/solver_type", "bh3", "solver type 'bh3': unknown"},
      {"/scheduler/solver_order", 4, "solver_order '4'"},
      {"/scheduler/prediction_type", "sampel",
       "m: 'scheduler.prediction_type': prediction type 'sampel': unknown; expected one of "
       "epsilon"},
      {"/scheduler/beta_schedule", "cubic", "m: 'scheduler.beta_schedule': beta schedule 'cubic'"},
      {"/scheduler/timestep_spacing", 3, "'scheduler.timestep_spacing' is 3; expected a string"},
      {"/scheduler/_class_name", 3, "'scheduler._class_name' is 3; expected a string"},
      {"/recommended/filter/method", "boxy", "m: 'recommended': filter method 'boxy'"},
      {"/recommended/fps", 0, "'recommended': fps '0': expected a number above 0"},
      {"/recommended/num_iters", 0, "'recommended': num_iters '0': not a number of passes"},
      {"/recommended/num_iters", 1.5, "'recommended': num_iters '1.5': expected a whole"},
      {"/recommended/seed", 1, "unknown key 'recommended.seed'"},
      {"/tokenizer/words", json::array({1}), "expected a list of strings"},
      {"/created_by/torch", 2, "'created_by.torch' is 2; expected a string"},
  };
  return cases;
}

TEST(Manifest, RefusesByName) {
  for (const BadManifest& bad : bad_manifests()) {
    json text = example_manifest();
    const json::json_pointer pointer(bad.pointer);
    if (bad.value.is_null()) {
      text[pointer.parent_pointer()].erase(pointer.back());
    } else {
      text[pointer] = bad.value;
    }
    SCOPED_TRACE(bad.pointer);
    if (bad.says == nullptr) {
      EXPECT_NO_THROW((void)parse_manifest(text.dump(), "m"));
    } else {
      EXPECT_ERROR(invalid_file, bad.says, parse_manifest(text.dump(), "m"));
    }
  }
}

// Messages stay one line, whatever the file holds.
TEST(Manifest, MessagesAreOneLine) {
  json text = example_manifest();
  text["unet"]["dtype"] = "a\nb\x01";
  EXPECT_ERROR(invalid_file, "a\\nb\\u0001", parse_manifest(text.dump(), "m"));
  text = example_manifest();
  text["na\nme"] = 1;
  EXPECT_ERROR(invalid_file, "unknown key", parse_manifest(text.dump(), "m"));
}

// What a file says may be as long and as deep as its writer likes; messages stay short.
TEST(Manifest, HostileTexts) {
  const auto refused = [](const std::string& text) {
    const freeinit::Error error = error_of([&] { (void)parse_manifest(text, "m"); });
    EXPECT_EQ(error.code(), freeinit::ErrorCode::invalid_file);
    EXPECT_LT(std::string(error.what()).size(), 600U);
    return std::string(error.what());
  };
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  std::string deep_objects;
  for (int i = 0; i < 100'000; ++i) deep_objects += "{\"a\":";
  EXPECT_NE(
      refused(R"({"schema":)" + deep + "}").find("nested too deep; expected at most 64 levels"),
      std::string::npos);
  EXPECT_NE(refused(deep_objects).find("nested too deep"), std::string::npos);
  const std::string levels = std::string(63, '[') + std::string(63, ']');
  EXPECT_NE(refused(R"({"schema":)" + levels + "}").find("'schema' is [[["), std::string::npos);
  const std::string longest(1'000'000, 'x');
  refused("{\"" + longest + "\":1,\"" + longest + "\":2}");
  refused(R"({"schema":)" + std::string(5000, '9') + "}");
  refused(R"({"schema":1)" + std::string(5000, 'e') + "}");
  for (const char* place : {"/unet/dtype", "/unet/file", "/files/unet.pt/sha256"}) {
    json text = example_manifest();
    text[json::json_pointer(place)] = longest;
    refused(text.dump());
  }
  for (const char* place :
       {"/", "/unet/", "/files/", "/files/../", "/scheduler/", "/created_by/"}) {
    json text = example_manifest();
    text[json::json_pointer(place + longest)] = 1;
    refused(text.dump());
  }
}

TEST(Manifest, IsLimitedBeforeItIsParsed) {
  const TemporaryFolder folder;
  write_file(folder.path() / "manifest.json", std::string((16U << 20U) + 1, ' '));
  EXPECT_ERROR(invalid_file, "is longer than 16 MiB", freeinit::read_manifest(folder.path()));
  std::filesystem::remove(folder.path() / "manifest.json");
  ASSERT_EQ(mkfifo((folder.path() / "manifest.json").c_str(), 0600), 0);
  EXPECT_ERROR(io, "a regular file is expected", freeinit::read_manifest(folder.path()));
  std::string many = "[0";
  for (int i = 0; i < (2 << 20); ++i) many += ",0";
  EXPECT_ERROR(invalid_file, "too many values", parse_manifest(many + "]", "m"));
}

}  // namespace
}  // namespace io_test
