#pragma once

#include "generate/contact_sheet.hpp"
#include "generate/output_plan.hpp"
#include "generate/pass_comparison.hpp"
#include "shared/stopwatch.hpp"

#include <freeinit/core/progress.hpp>
#include <freeinit/io/video_file.hpp>
#include <freeinit/networks/autoencoder.hpp>
#include <freeinit/options/free_init_options.hpp>
#include <freeinit/pipeline/generation.hpp>
#include <freeinit/tensors/resize.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace freeinit_cli {

/// How an OutputWriter writes.
struct WriterOptions {
  double fps = 8.0;
  /// Pixels become bytes as the profile's code does it: diffusers rounds, the authors' code
  /// truncates.
  freeinit::Profile profile = freeinit::Profile::diffusers;
  std::optional<std::int64_t> chunk_size{};       ///< frames decoded at once
  std::int64_t num_passes = 1;                    ///< of each video at most
  freeinit::LatentRgbSpec latent_rgb{};           ///< of previews of a running video
  std::map<std::string, std::string> metadata{};  ///< of the tensor files
  /// Of video k with so many passes behind it; empty: none.
  std::function<std::map<std::string, std::string>(int index, std::int64_t passes)>
      video_metadata{};
  freeinit::ProgressCallback progress;  ///< told Phase::decode and Phase::write
  std::function<void(const std::filesystem::path& path)> wrote{};  ///< told what was written
  std::function<void(const std::filesystem::path& path)> kept{};   ///< told what stays
  /// Told where the latents of a video lie that could not be decoded or written; without a file of
  /// theirs they get one beside the video. Empty: they are left alone.
  std::function<void(const std::filesystem::path& latents)> left_latents{};
  std::stop_token stop{};  ///< ends decoding and writing, with nothing of the file
};

/// Writes tensors and videos of a run to the places of its plan, each as soon as it is there:
/// latents before they are decoded. Everything that is sampled is written, also after a stop of the
/// run.
class OutputWriter {
 public:
  /// `autoencoder` must outlive the writer.
  OutputWriter(OutputPlan plan, const freeinit::Autoencoder& autoencoder, WriterOptions options);

  /// The hooks through which the pipeline hands on passes and videos; they throw freeinit::Error:
  /// io, model, cancelled. The writer must outlive the run.
  [[nodiscard]] freeinit::GenerationHooks hooks();

  [[nodiscard]] std::size_t videos_written() const noexcept { return videos_written_; }
  /// Time of decoding and writing.
  [[nodiscard]] const PhaseSeconds& seconds() const noexcept { return seconds_; }

 private:
  void pass_done(const freeinit::RunPoint& at, const at::Tensor& latents);
  void video_done(const freeinit::GeneratedVideo& video);
  void show_prediction(const freeinit::RunPoint& at, const at::Tensor& prediction);
  void save_pass(const freeinit::RunPoint& at, const at::Tensor& latents);
  void compare_pass(const freeinit::RunPoint& at);
  void write_comparison(int index);
  void write_latents() const;
  /// After a stop that takes the video along: those of the videos before it stay.
  void take_back_latents();
  /// After a failure. `file`: where they lie already, or empty.
  void leave_latents(int index, const at::Tensor& latents, std::filesystem::path file) const;
  void write_frames_file() const;
  /// Decodes `latents` [1,C,F,h,w] chunk by chunk into `path`, which may be empty: no file. `keep`:
  /// returns the frames [F,H,W,3] too, as bytes unless the plan has a file for their numbers; else
  /// memory is that of a chunk. `sheet` may be null.
  at::Tensor write_decoded(const std::filesystem::path& path, int index, const at::Tensor& latents,
                           bool keep, ContactSheet* sheet);
  /// The frames of a video as `write_decoded` returns them: kept of its last pass, or decoded now.
  at::Tensor write_frames(int index, const at::Tensor& latents, ContactSheet* sheet);
  /// Pixels of the frames of `latents` [1,C,F,h,w].
  [[nodiscard]] freeinit::ImageSize frame_size(const at::Tensor& latents) const;
  void write_video(const std::filesystem::path& path, int index, const at::Tensor& frames);
  void write_pictures(const std::filesystem::path& pattern, const at::Tensor& frames) const;
  void write_tensor(const std::filesystem::path& path, const char* name,
                    const at::Tensor& tensor) const;
  void say_written(const std::filesystem::path& path) const;
  [[nodiscard]] freeinit::VideoWriter open_video(const std::filesystem::path& path, int index,
                                                 std::int64_t height, std::int64_t width) const;
  /// `frames` [n,H,W,3], float32 in 0..1 or bytes, from frame `first` of `count` on.
  void add_frames(freeinit::VideoWriter& video, const at::Tensor& frames, std::int64_t first,
                  std::int64_t count) const;

  OutputPlan plan_;
  const freeinit::Autoencoder& autoencoder_;
  WriterOptions options_;
  PhaseSeconds seconds_;
  bool passes_begun_ = false;
  std::int64_t passes_ = 0;  ///< complete ones of what is written now
  at::Tensor pass_noise_;    ///< of the running pass, with a folder for passes
  at::Tensor pass_frames_;   ///< of the last pass that was decoded: those of the video
  std::optional<PassComparison> comparison_;  ///< of the passes of the running video
  std::size_t videos_written_ = 0;
  std::vector<at::Tensor> latents_;  ///< of the videos written; as the next:
  std::vector<at::Tensor> frames_;   ///< only where the plan has a file for them
};

}  // namespace freeinit_cli
