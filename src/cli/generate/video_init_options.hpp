#pragma once

#include "shared/console.hpp"

#include <freeinit/io/video_file.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// Options of `generate` for runs that start from a real video.
struct VideoInitArguments {
  std::string video, latents;  ///< files; at most one
  freeinit::FrameSelection selection;

  [[nodiscard]] bool given() const { return !video.empty() || !latents.empty(); }

  /// Checks the options, writes latents from a file into the inputs, and reads the frames of a
  /// video, fitted to the request's size: [F,H,W,3] uint8, undefined without one. They are encoded
  /// once there is an autoencoder; until then the inputs hold zeros of the latents' shape. `vae`:
  /// the bundle's. Warns of missing frames. Throws freeinit::Error.
  [[nodiscard]] at::Tensor read(const freeinit::GenerationRequest& request,
                                const freeinit::AutoencoderSpec& vae,
                                freeinit::GenerationInputs& inputs, Console& console) const;
};

void add_video_init_options(CLI::App& command, VideoInitArguments& arguments);

}  // namespace freeinit_cli
