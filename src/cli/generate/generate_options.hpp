#pragma once

#include "generate/checkpoint_options.hpp"
#include "generate/output_plan.hpp"
#include "generate/video_init_options.hpp"
#include "shared/runtime_options.hpp"
#include "shared/setting_options.hpp"

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
  SettingOptions settings;
  std::string bundle, config;
  std::optional<std::string> output;  ///< unset: the next free name like `default_output`
  std::string default_output = "video.mp4";
  std::string init_noise, filter_mask, save_latents, save_frames, save_passes, preview, compare;
  std::optional<std::int64_t> passes_before{};  ///< complete in the video that `config` tells of
  std::int64_t preview_every = 0;               ///< network calls; 0: no preview while the run goes
  bool overwrite = false;
  bool no_metadata = false;
  bool json = false;
  bool dry_run = false;
  bool check_steps = false;
  VideoInitArguments video_init;
  CheckpointArguments checkpoint;
  RuntimeArguments runtime;

  /// The request: the manifest's settings under what was given. Checks everything that needs no
  /// model. A missing seed is drawn at random. Throws freeinit::Error: invalid_argument and as
  /// load_tensor.
  [[nodiscard]] freeinit::GenerationRequest request(const freeinit::Manifest& manifest) const;

  /// Noise and mask from their files. Throws freeinit::Error: as load_tensor, invalid_argument.
  [[nodiscard]] freeinit::GenerationInputs inputs() const;

  /// Throws freeinit::Error: invalid_argument, unsupported.
  [[nodiscard]] freeinit::BundleOptions bundle_options(
      const freeinit::Manifest& manifest, const freeinit::GenerationRequest& request) const;

  /// Where the results of so many videos go; a name that was not given may be taken.
  [[nodiscard]] OutputPlan output_plan(std::int64_t num_videos) const;
};

inline constexpr const char* kCheckStepsHelp =
    "Look for NaN and infinity after every step, not after every pass";
inline constexpr const char* kPreviewHelp =
    "Write the frames of the video in one picture, too (.png)";
inline constexpr const char* kNoMetadataHelp =
    "Leave prompt, seed and settings out of what is written";

/// The options that say what is made: settings, and files to start from.
void add_request_options(CLI::App& command, GenerateArguments& arguments);

void add_generate_options(CLI::App& command, GenerateArguments& arguments);

}  // namespace freeinit_cli
