#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace freeinit_cli {

/// Throws freeinit::Error: io when `path` cannot be written; leaves nothing behind.
void check_writable(const std::filesystem::path& path);

/// As above, and refuses a path that does not end in .safetensors (invalid_argument).
void check_tensor_file(const std::filesystem::path& path);

/// Where the results of a run go. Everything is checked before the run starts.
struct OutputPlan {
  std::filesystem::path video;    ///< as given: a file, or a folder for PNG frames
  std::filesystem::path latents;  ///< may be empty, as those below
  std::filesystem::path frames;
  std::filesystem::path trace;
  std::filesystem::path passes_folder;
  int num_videos = 1;

  /// Refuses what could not be written; leaves nothing behind.
  /// Throws freeinit::Error: invalid_argument, io.
  void check() const;

  /// Makes the folder for passes if it is not there, and removes what an earlier run has left of
  /// its passes: they would be taken for this run's. Throws freeinit::Error: io.
  void empty_passes_folder() const;

  /// The path of video `index`: `video` itself, or NAME_<index>.EXT when there are several.
  [[nodiscard]] std::filesystem::path video_path(int index) const;

  /// Paths of pass `pass` (0, 1, ...) of video `index` in the folder for passes:
  /// pass_<pass + 1>[_<index>] with the extension of the video, and .safetensors.
  [[nodiscard]] std::filesystem::path pass_video_path(int pass, int index) const;
  [[nodiscard]] std::filesystem::path pass_latents_path(int pass, int index) const;
  /// noise_<pass + 1>[_<index>].safetensors: what the pass starts from.
  [[nodiscard]] std::filesystem::path pass_noise_path(int pass, int index) const;
};

}  // namespace freeinit_cli
