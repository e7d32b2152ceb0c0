#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace freeinit_cli {

/// Where the results of a run go. Everything is checked before the run starts.
struct OutputPlan {
  std::filesystem::path video;      ///< as given: a file, or a folder for PNG frames
  std::filesystem::path latents{};  ///< may be empty, as those below
  std::filesystem::path frames{};
  std::filesystem::path preview{};
  /// Network calls from one preview of the running video to the next, which stands beside the video
  /// if `preview` is empty; 0: none.
  std::int64_t preview_every = 0;
  std::filesystem::path compare{};
  std::filesystem::path trace{};
  std::filesystem::path passes_folder{};
  std::filesystem::path checkpoint_folder{};
  std::set<std::filesystem::path> written{};  ///< videos of an earlier part of the run, which stay
  int num_videos = 1;
  bool overwrite = false;

  /// The same with a number in the name of the video, if that is taken: video_2.mp4.
  [[nodiscard]] OutputPlan with_free_name() const;

  /// Refuses what could not be written; leaves nothing behind.
  /// Throws freeinit::Error: invalid_argument, io.
  void check() const;

  /// Makes the folder for passes if it is not there. `empty`: removes what an earlier run has left
  /// of its passes, which would be taken for this run's. Throws freeinit::Error: io.
  void make_passes_folder(bool empty) const;

  /// Whether the file of video `index` is there and stays.
  [[nodiscard]] bool is_written(int index) const { return written.contains(video_path(index)); }

  /// The path of video `index`: `video` itself, or NAME_<index>.EXT when there are several.
  [[nodiscard]] std::filesystem::path video_path(int index) const;

  [[nodiscard]] bool has_preview() const { return preview_every > 0 || !preview.empty(); }

  /// In the same way, where there is one.
  [[nodiscard]] std::filesystem::path preview_path(int index) const;
  [[nodiscard]] std::filesystem::path compare_path(int index) const;

  /// Where the latents of video `index` go that could not be decoded: NAME.latents.safetensors
  /// beside the video, or NAME.latents_2.safetensors, ... where that is taken.
  [[nodiscard]] std::filesystem::path free_latents_path(int index) const;

  /// Where the pictures of video `index` go: `frames`, or DIR_<index>/NAME when there are several.
  /// Only where `frames` is a pattern of pictures.
  [[nodiscard]] std::filesystem::path pictures_path(int index) const;

  /// Paths of pass `pass` (0, 1, ...) of video `index` in the folder for passes:
  /// pass_<pass + 1>[_<index>] with the extension of the video, and .safetensors.
  [[nodiscard]] std::filesystem::path pass_video_path(int pass, int index) const;
  [[nodiscard]] std::filesystem::path pass_latents_path(int pass, int index) const;
  /// noise_<pass + 1>[_<index>].safetensors: what the pass starts from.
  [[nodiscard]] std::filesystem::path pass_noise_path(int pass, int index) const;

 private:
  [[nodiscard]] std::filesystem::path beside_video(int index, const char* extension) const;
  [[nodiscard]] std::filesystem::path numbered(const std::filesystem::path& path, int index) const;
  void check_passes_folder() const;
};

}  // namespace freeinit_cli
