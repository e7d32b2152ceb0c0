#pragma once

#include <freeinit/bundle/manifest.hpp>
#include <freeinit/core/config.hpp>
#include <freeinit/options/generation_request.hpp>
#include <freeinit/pipeline/generation.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// The SHA-256 of every file of a bundle, as the manifest has them, and of the manifest itself. The
/// networks are not read. Throws Error: not_found, io.
[[nodiscard]] FREEINIT_API std::map<std::string, std::string> bundle_hashes(
    const std::filesystem::path& bundle, const Manifest& manifest);

/// All that the videos of a run are made of.
struct RunRecord {
  GenerationRequest request{};                  ///< settings, prompts and seed
  GenerationInputs inputs{};                    ///< tensors that the run started from
  std::map<std::string, std::string> bundle{};  ///< `bundle_hashes`
  std::map<std::string, std::string> notes{};   ///< the caller's own, UTF-8
};

/// Refuses a request that makes other bits than the kept one, with the field that differs. What may
/// change: the number of videos, the rate of the files, the frames that are decoded at once; and
/// the number of passes of a run whose passes are all alike (no `fast_sampling`, whole passes, no
/// budget of calls): more, or down to `passes_begun`; not known: not fewer. Throws Error:
/// invalid_argument.
FREEINIT_API void check_continued_request(const GenerationRequest& kept,
                                          const GenerationRequest& wanted,
                                          std::optional<std::int64_t> passes_begun = {});

/// A folder that keeps a run: `run.safetensors` is its record, `video_<k>.safetensors` where video
/// k stands. Each file is written whole or not at all and holds a SHA-256 of its content.
///
///     auto folder = CheckpointFolder::create("run", {request, inputs, bundle_hashes(...)});
///     folder.add_to(hooks, pipeline.bundle().device());
///     pipeline.generate(request, inputs, control, hooks);  // killed
///
///     auto folder = CheckpointFolder::open("run");
///     folder.check_bundle(bundle_hashes(...));
///     folder.add_to(hooks, pipeline.bundle().device());
///     pipeline.generate(folder.record().request, folder.record().inputs, control, hooks);
class FREEINIT_API CheckpointFolder {
 public:
  /// Makes the folder if it is not there, and replaces the run that was in it. Throws Error: io.
  [[nodiscard]] static CheckpointFolder create(const std::filesystem::path& folder,
                                               RunRecord record);

  /// Removes what a killed run was writing; what a running one writes stays. Throws Error:
  /// not_found, io, invalid_file (damaged), unsupported (of another version).
  [[nodiscard]] static CheckpointFolder open(const std::filesystem::path& folder);

  /// Whether the record of a run is in the folder.
  [[nodiscard]] static bool holds_run(const std::filesystem::path& folder);

  /// The folder, as it was given.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return folder_; }
  /// What the run was created with, or continued with by `set_request`.
  [[nodiscard]] const RunRecord& record() const noexcept { return record_; }

  /// Refuses a bundle with other files, with the first that differs. Throws Error:
  /// invalid_argument.
  void check_bundle(const std::map<std::string, std::string>& hashes) const;

  /// Refuses a request that the run cannot go on with: as check_continued_request, with the passes
  /// that its videos have begun. Throws Error: invalid_argument, io, invalid_file.
  void check_request(const GenerationRequest& request) const;

  /// The run goes on with another request; where that cannot be written, with the former. Throws
  /// Error: as check_request.
  void set_request(const GenerationRequest& request);

  /// The file in which the state of video `video` (k of `seed + k`) is kept.
  [[nodiscard]] std::filesystem::path video_path(std::int64_t video) const;

  /// Throws Error: io.
  void write(const VideoState& state) const;

  /// Where a video stands, with tensors on `device`; nothing if it was not begun. Throws Error: io,
  /// invalid_file.
  [[nodiscard]] std::optional<VideoState> read(std::int64_t video,
                                               at::Device device = at::kCPU) const;

  /// Keeps the run in the folder and goes on from what is there. The object must outlive the run.
  void add_to(GenerationHooks& hooks, at::Device device) const;

 private:
  explicit CheckpointFolder(std::filesystem::path folder);
  void write_record() const;

  std::filesystem::path folder_;
  RunRecord record_;
  std::string run_;  ///< a random name, which the files of a run share
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/pipeline/checkpoint_folder_inl.hpp>
#endif
