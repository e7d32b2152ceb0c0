#pragma once

#include <freeinit/sampling/noise_schedule.hpp>

#include <nlohmann/json.hpp>

#include <string>

#include "sampling/ddim_cases.hpp"

namespace sampler_cases {

/// Of a row of golden data: "class" is diffusers' class, "config" has its keys.
[[nodiscard]] inline freeinit::NoiseSchedule schedule_of(const nlohmann::json& row) {
  const nlohmann::json& json = row["config"];
  freeinit::SamplerConfig config = ddim_cases::config_from(json);
  config.sampler = row["class"];
  const auto read = [&json](const char* key, auto& field) {
    if (json.contains(key)) json[key].get_to(field);
  };
  config.clip_sample = json.value("clip_sample", false);
  for (const char* name : {"karras", "exponential", "beta"}) {
    if (!json.value("use_" + std::string(name) + "_sigmas", false)) continue;
    config.sigma_spacing = freeinit::sigma_spacing_from_string(name);
  }
  config.final_sigmas_type =
      freeinit::final_sigma_from_string(json.value("final_sigmas_type", std::string("zero")));
  config.algorithm_type = freeinit::algorithm_type_from_string(
      json.value("algorithm_type", std::string("dpmsolver++")));
  if (json.contains("solver_type")) {
    config.solver_type = freeinit::solver_type_from_string(json["solver_type"].get<std::string>());
  }
  read("solver_order", config.solver_order);
  read("lower_order_final", config.lower_order_final);
  read("euler_at_final", config.euler_at_final);
  read("predict_x0", config.predict_x0);
  read("original_inference_steps", config.original_inference_steps);
  read("timestep_scaling", config.timestep_scaling);
  return freeinit::NoiseSchedule(config);
}

}  // namespace sampler_cases
