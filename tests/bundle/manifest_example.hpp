#pragma once

#include <nlohmann/json.hpp>

namespace io_test {

/// A complete manifest, every key there, as JSON to change in tests. All its files are empty.
inline nlohmann::json example_manifest() {
  const char* empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  nlohmann::json files;
  for (const char* name : {"unet.pt", "text_encoder.pt", "vae_decoder.pt", "vae_encoder.pt",
                           "tokenizer/vocab.json", "tokenizer/merges.txt"}) {
    files[name] = {{"bytes", 0}, {"sha256", empty}};
  }
  nlohmann::json manifest = nlohmann::json::parse(R"({
    "schema": 1, "name": "demo", "family": "animatediff", "description": "d", "license": "MIT",
    "created_by": {"torch": "2.13.0"},
    "unet": {"file": "unet.pt", "format": "torchscript", "dtype": "float32", "in_channels": 4,
      "context_dim": 32, "latent_multiple_of": 2, "max_frames": 32, "max_text_length": null, "max_guidance_scale": 7.5,
      "uses_fps": false, "verified_shapes": [[1, 8, 16, 16, 77], [2, 5, 8, 12, 77]],
      "verified_max_relative_error": 1e-06},
    "text_encoder": {"file": "text_encoder.pt", "dtype": "float32", "max_length": 77, "width": 32},
    "vae": {"decoder_file": "vae_decoder.pt", "encoder_file": "vae_encoder.pt", "dtype": "float32",
      "latent_channels": 4, "spatial_scale": 8, "scaling_factor": 0.18215},
    "memory": {"unet": {"weights": 4000000000, "call": 7, "per_latent": 25600},
      "text_encoder": {"weights": 3, "call": 2, "per_latent": 0},
      "vae_decoder": {"weights": 4, "call": 0, "per_latent": 7186},
      "vae_encoder": {"weights": 5, "call": 0, "per_latent": 4105}},
    "preview": {"latent_rgb_factors": [[0.3512, 0.2297, 0.3227], [0.325, 0.4974, -2],
      [-0.2829, 0.1762, 0.2721], [-0.212, -0.2616, -0.7177]], "latent_rgb_bias": [0, -0.1, 1]},
    "tokenizer": {"vocab_file": "tokenizer/vocab.json", "merges_file": "tokenizer/merges.txt",
      "max_length": 77, "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 0,
      "unk_token_id": 49407, "match_pad_token": false},
    "scheduler": {"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085,
      "beta_end": 0.012, "beta_schedule": "linear", "trained_betas": null, "clip_sample": false,
      "clip_sample_range": 1.0, "set_alpha_to_one": false, "steps_offset": 1,
      "prediction_type": "epsilon", "thresholding": false, "dynamic_thresholding_ratio": 0.995,
      "sample_max_value": 1.0, "timestep_spacing": "leading", "rescale_betas_zero_snr": false, "dynamic_rescale": null,
      "always_draw_noise": true},
    "recommended": {"num_frames": 12, "height": 64, "width": 96, "fps": 10, "output_fps": 5,
      "num_inference_steps": 20,
      "guidance_scale": 5.5, "eta": 0.5, "num_iters": 2, "negative_prompt": "blurry",
      "filter": {"method": "gaussian", "order": 2, "spatial_stop_frequency": 0.3,
        "temporal_stop_frequency": 0.2}}
  })");
  manifest["files"] = files;
  return manifest;
}

}  // namespace io_test
