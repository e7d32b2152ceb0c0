#pragma once

#include "output_plan.hpp"

#include <freeinit/core/progress.hpp>
#include <freeinit/models/autoencoder.hpp>
#include <freeinit/numerics/free_init.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace freeinit_cli {

/// Writes tensors and videos of a run to the places of its plan.
struct OutputWriter {
  OutputPlan plan;
  double fps = 8.0;
  /// Pixels become bytes as the profile's code does it: diffusers rounds, the authors' code
  /// truncates.
  freeinit::Profile profile = freeinit::Profile::diffusers;
  std::map<std::string, std::string> metadata;  ///< of the tensor files
  freeinit::ProgressCallback progress;          ///< told Phase::write, frame after frame

  /// `frames` [B,F,H,W,3] float32 in 0..1, `latents` [B,C,F,h,w]. B is less than the plan's number
  /// of videos after a stop. Throws freeinit::Error: io.
  void write_result(const at::Tensor& latents, const at::Tensor& frames) const;

  /// One pass of one video: `latents` [1,C,F,h,w], `frames` [1,F,H,W,3]. Throws freeinit::Error:
  /// io.
  void write_pass(int video, int pass, const at::Tensor& latents, const at::Tensor& frames) const;

  /// `frames` [F,H,W,3] float32 in 0..1.
  void write_video(const std::filesystem::path& path, const at::Tensor& frames) const;
};

}  // namespace freeinit_cli
