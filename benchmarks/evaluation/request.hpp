#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <string>

namespace freeinit_evaluation {

/// The request that the command would make of these fields, which are its options with `_` for `-`:
/// those that configurations.json uses, over the bundle's recommended settings. Throws
/// freeinit::Error: invalid_argument for another field or a value that the library does not know.
inline freeinit::GenerationRequest request_of(const nlohmann::json& fields,
                                              const freeinit::Manifest& manifest) {
  using freeinit::GenerationRequest;
  using nlohmann::json;
  using Set = std::function<void(GenerationRequest&, const json&)>;
  static const std::map<std::string, Set> known{
      {"prompt", [](auto& request, const json& value) { request.prompt = value; }},
      {"seed", [](auto& request, const json& value) { request.seed = value; }},
      {"num_inference_steps",
       [](auto& request, const json& value) { request.num_inference_steps = value; }},
      {"num_iters", [](auto& request, const json& value) { request.free_init.num_iters = value; }},
      {"fast_sampling",
       [](auto& request, const json& value) { request.free_init.fast_sampling = value; }},
      {"filter",
       [](auto& request, const json& value) {
         request.free_init.filter.method =
             freeinit::filter_method_from_string(value.get<std::string>());
       }},
      {"filter_axes",
       [](auto& request, const json& value) {
         request.free_init.filter.axes =
             freeinit::filter_axes_from_string(value.get<std::string>());
       }},
      {"filter_schedule",
       [](auto& request, const json& value) {
         for (const auto& name : value) {
           auto& filter = request.free_init.filter_schedule.emplace_back(request.free_init.filter);
           filter.method = freeinit::filter_method_from_string(name.template get<std::string>());
         }
       }},
      {"mix",
       [](auto& request, const json& value) {
         request.free_init.mix.method = freeinit::mix_method_from_string(value.get<std::string>());
       }},
      {"intermediate",
       [](auto& request, const json& value) {
         request.free_init.intermediate.result =
             freeinit::intermediate_result_from_string(value.get<std::string>());
       }},
      {"intermediate_steps",
       [](auto& request, const json& value) {
         request.free_init.intermediate.steps = value.get<std::int64_t>();
       }},
      {"init_source",
       [](auto& request, const json& value) {
         request.video_init.source =
             freeinit::video_noise_source_from_string(value.get<std::string>());
       }},
      {"init_band",
       [](auto& request, const json& value) { request.video_init.low_band = value == "low"; }}};

  auto request = GenerationRequest::from_manifest(manifest);
  for (const auto& [name, value] : fields.items()) {
    const auto field = known.find(name);
    if (field == known.end()) {
      freeinit::raise(freeinit::ErrorCode::invalid_argument,
                      "request field '" + name + "': unknown to the evaluation");
    }
    field->second(request, value);
  }
  return request;
}

}  // namespace freeinit_evaluation
