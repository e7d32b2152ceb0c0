#include "guard.hpp"
#include "handles.hpp"
#include "request.hpp"
#include "structs.hpp"
#include "watch.hpp"

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/io/text_file.hpp>
#include <freeinit/networks/device.hpp>
#include <freeinit/networks/dtype.hpp>
#include <freeinit/options/request_fields.hpp>

#include <nlohmann/json.hpp>

#include <utility>

namespace freeinit_c {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json bundle_json(const std::string& folder, const freeinit::Manifest& manifest) {
  const auto file = std::filesystem::path(folder) / "manifest.json";
  return {{"bundle", folder},
          {"manifest", Json::parse(freeinit::read_text_file(file, "manifest"))},
          {"recommended", Json::parse(freeinit::request_to_json(manifest.recommended))}};
}

freeinit::BundleOptions bundle_options(const freeinit_load_options& options) {
  freeinit::BundleOptions bundle;
  if (options.device) bundle.device = freeinit::device_from_string(options.device);
  if (options.dtype) bundle.dtype = freeinit::dtype_from_string(options.dtype);
  if (options.backend) bundle.backend = freeinit::unet_backend(options.backend).name;
  if (options.hash_stamps) bundle.hash_stamps = options.hash_stamps;
  bundle.verify_hashes = options.skip_hashes == 0;
  bundle.low_memory = options.low_memory != 0;
  return bundle;
}

freeinit_pipeline* load(const std::string& folder, const freeinit_load_options* given) {
  const auto options = read_struct(given, "load_options");
  const Watch watch(options);
  auto manifest = freeinit::read_manifest(folder);
  Json info = bundle_json(folder, manifest);
  const auto bundle = freeinit::ModelBundle::load(std::move(manifest), folder,
                                                  bundle_options(options), watch.control());
  info["device"] = bundle.device().str();
  info["dtype"] = freeinit::dtype_to_string(bundle.dtype());
  info["backend"] = bundle.backend().name;
  return new freeinit_pipeline{freeinit::TextToVideoPipeline(bundle), text_of(info)};
}

std::string checked_request(const freeinit::TextToVideoPipeline& pipeline,
                            const std::string& text) {
  const freeinit::Manifest& manifest = pipeline.bundle().manifest();
  const auto request = read_request(text, manifest);
  // Whether there is a clip is not known here, so what needs one is left to the run.
  auto without_clip = request;
  without_clip.real_video.strength.reset();
  pipeline.validate(without_clip);
  Json json = Json::parse(freeinit::request_to_json(request));
  json["planned_calls"] = freeinit::planned_calls(without_clip, manifest);
  return text_of(json);
}

}  // namespace
}  // namespace freeinit_c

freeinit_status freeinit_bundle_info(const char* folder, char** json) {
  return freeinit_c::guarded([&] {
    char*& made = freeinit_c::output(json, "json");
    const std::string name = freeinit_c::required_text(folder, "folder");
    made = freeinit_c::new_text(
        freeinit_c::text_of(freeinit_c::bundle_json(name, freeinit::read_manifest(name))));
  });
}

freeinit_status freeinit_pipeline_load(const char* folder, const freeinit_load_options* options,
                                       freeinit_pipeline** pipeline) {
  return freeinit_c::guarded([&] {
    freeinit_pipeline*& made = freeinit_c::output(pipeline, "pipeline");
    made = freeinit_c::load(freeinit_c::required_text(folder, "folder"), options);
  });
}

const char* freeinit_pipeline_info(const freeinit_pipeline* pipeline) {
  return pipeline ? pipeline->info.c_str() : nullptr;
}

void freeinit_pipeline_free(freeinit_pipeline* pipeline) {
  delete pipeline;
}

freeinit_status freeinit_check_request(const freeinit_pipeline* pipeline, const char* request,
                                       char** json) {
  return freeinit_c::guarded([&] {
    if (json) *json = nullptr;
    const std::string checked =
        freeinit_c::checked_request(freeinit_c::required(pipeline, "pipeline").pipeline,
                                    freeinit_c::required_text(request, "request"));
    if (json) *json = freeinit_c::new_text(checked);
  });
}
