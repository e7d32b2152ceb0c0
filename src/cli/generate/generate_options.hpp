#pragma once

#include "generate/method_options.hpp"
#include "generate/output_plan.hpp"
#include "generate/video_init_options.hpp"
#include "shared/filter_options.hpp"
#include "shared/runtime_options.hpp"

#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// The options of `generate` as given; what is not set comes from the bundle's manifest.
struct GenerateArguments {
  std::string prompt, bundle, config, output = "video.mp4";
  std::string init_noise, save_latents, save_frames, save_passes;
  std::optional<std::string> negative_prompt, profile;
  std::optional<std::int64_t> num_frames, height, width, num_inference_steps, num_iters;
  std::optional<double> fps, output_fps, guidance_scale, eta;
  std::vector<double> guidance_interval;  ///< empty or two numbers
  std::int64_t cache_interval = 1;
  std::optional<std::uint64_t> seed;
  std::int64_t num_videos = 1;
  bool fast_sampling = false;
  bool json = false;
  FilterArguments filter;
  VideoInitArguments video_init;
  MethodArguments methods;
  RuntimeArguments runtime;

  /// The request: the manifest's settings under what was given. Checks everything that needs no
  /// model. A missing seed is drawn at random. Throws freeinit::Error: invalid_argument and as
  /// load_tensor.
  [[nodiscard]] freeinit::GenerationRequest request(const freeinit::Manifest& manifest) const;

  /// Noise and mask from their files. Throws freeinit::Error: as load_tensor, invalid_argument.
  [[nodiscard]] freeinit::GenerationInputs inputs() const;

  /// Throws freeinit::Error: invalid_argument, unsupported.
  [[nodiscard]] freeinit::BundleOptions bundle_options(const freeinit::Manifest& manifest) const;

  [[nodiscard]] OutputPlan output_plan() const;
};

void add_generate_options(CLI::App& command, GenerateArguments& arguments);

}  // namespace freeinit_cli
