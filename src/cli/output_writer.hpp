#pragma once

#include "output_plan.hpp"
#include "stopwatch.hpp"

#include <freeinit/core/progress.hpp>
#include <freeinit/io/video_file.hpp>
#include <freeinit/networks/autoencoder.hpp>
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
  /// of videos after a stop. Books its time. Throws freeinit::Error: io.
  void write_result(const at::Tensor& latents, const at::Tensor& frames,
                    PhaseSeconds& seconds) const;

  /// The same from the latents alone: frames are decoded in chunks on their way into the video, so
  /// that never more than a chunk is in memory. Throws freeinit::Error: io, model.
  void decode_and_write(const freeinit::Autoencoder& autoencoder, const at::Tensor& latents,
                        std::int64_t chunk_size, PhaseSeconds& seconds) const;

  /// One pass of one video: the noise it started from and its latents [1,C,F,h,w], `frames`
  /// [1,F,H,W,3]. Throws freeinit::Error: io.
  void write_pass(int video, int pass, const at::Tensor& noise, const at::Tensor& latents,
                  const at::Tensor& frames) const;

  /// `frames` [F,H,W,3] float32 in 0..1.
  void write_video(const std::filesystem::path& path, const at::Tensor& frames) const;

 private:
  [[nodiscard]] freeinit::VideoWriter open_video(const std::filesystem::path& path,
                                                 std::int64_t height, std::int64_t width) const;
  /// `frames` [n,H,W,3] from frame `first` of `count` on.
  void add_frames(freeinit::VideoWriter& video, const at::Tensor& frames, std::int64_t first,
                  std::int64_t count) const;
};

}  // namespace freeinit_cli
