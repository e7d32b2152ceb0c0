#pragma once

#include <freeinit/noise/noise_source.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/ops/stack.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "support/sampler_steps.hpp"

/// What the golden tests of DDIM and of FreeInit share: diffusers' settings, and the closed-form
/// stand-in for a network that tests/reference/numerics uses too.
namespace ddim_cases {

/// A configuration under diffusers' key names; missing keys keep their defaults.
[[nodiscard]] inline freeinit::SamplerConfig config_from(const nlohmann::json& json) {
  freeinit::SamplerConfig config;
  const auto read = [&json](const char* key, auto& field) {
    if (json.contains(key)) json[key].get_to(field);
  };
  const auto text = [&json](const char* key, const char* fallback) {
    return json.value(key, std::string(fallback));
  };
  read("num_train_timesteps", config.num_train_timesteps);
  read("beta_start", config.beta_start);
  read("beta_end", config.beta_end);
  read("trained_betas", config.trained_betas);
  read("clip_sample", config.clip_sample);
  read("clip_sample_range", config.clip_sample_range);
  read("set_alpha_to_one", config.set_alpha_to_one);
  read("steps_offset", config.steps_offset);
  read("thresholding", config.thresholding);
  read("dynamic_thresholding_ratio", config.dynamic_thresholding_ratio);
  read("sample_max_value", config.sample_max_value);
  read("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
  config.beta_schedule = freeinit::beta_schedule_from_string(text("beta_schedule", "linear"));
  config.prediction_type =
      freeinit::prediction_type_from_string(text("prediction_type", "epsilon"));
  config.timestep_spacing =
      freeinit::timestep_spacing_from_string(text("timestep_spacing", "leading"));
  return config;
}

[[nodiscard]] inline at::Tensor randn(std::uint64_t seed, at::IntArrayRef shape,
                                      at::ScalarType dtype = at::kFloat) {
  return freeinit::NoiseSource(seed).draw(shape, dtype);
}

/// Depends on the sample and on the timestep, exactly repeatable in Python.
[[nodiscard]] inline at::Tensor model(const at::Tensor& sample, double timestep,
                                      const at::Tensor& pattern) {
  return sample.mul(0.6).add(pattern.mul(timestep * 0.001));
}

/// The samples after every step of a trajectory over `model`, [steps, ...]; `noise` is drawn from.
[[nodiscard]] inline at::Tensor states_of(const freeinit::Sampler& trajectory, at::Tensor sample,
                                          freeinit::NoiseSource& noise) {
  const at::Tensor pattern = randn(12, sample.sizes(), sample.scalar_type());
  std::vector<at::Tensor> states;
  for (std::size_t i = 0; i < trajectory.timesteps().size(); ++i) {
    sample = stepped(trajectory, static_cast<std::int64_t>(i),
                     model(sample, trajectory.timesteps()[i], pattern), sample, noise);
    states.push_back(sample);
  }
  return at::stack(states);
}

[[nodiscard]] inline std::vector<std::int64_t> timesteps_of(const freeinit::Sampler& trajectory) {
  return {trajectory.timesteps().begin(), trajectory.timesteps().end()};
}

}  // namespace ddim_cases
