#pragma once

#include "generate/prepared_run.hpp"
#include "shared/console.hpp"

#include <freeinit/core/saturated.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

namespace freeinit_cli {

/// Bytes for people: "3.2 GiB", "240 MiB".
[[nodiscard]] std::string size_text(std::int64_t bytes);

/// Estimates the memory of the run and compares it with what the process can have. Where it is
/// short text encoder and autoencoder are let go, as with --low-memory; then, where the decoder
/// takes most, frames are decoded one at a time, then in tiles; where that is not enough either,
/// the run is refused, or with `warns` a warning. Throws freeinit::Error: unsupported.
void fit_into_memory(PreparedRun& run, bool warns, Console& console);

/// Bytes of the latents of one video.
[[nodiscard]] freeinit::Saturated latent_bytes(const PreparedRun& run);

/// What a run still writes.
struct DiskNeed {
  /// By folder: exact but for headers, of checkpoints the most that lies there at once.
  std::map<std::filesystem::path, std::int64_t> tensors{};
  std::int64_t videos = 0;  ///< at most: pictures as they are, without compression

  [[nodiscard]] std::int64_t all_tensors() const;
};
[[nodiscard]] DiskNeed disk_need(const PreparedRun& run);

/// Refuses a run whose tensors the disk does not hold. Throws freeinit::Error: io.
void check_disk(const PreparedRun& run);

/// Runs `action`; where memory runs out the error says which options need less.
void with_memory_advice(const std::function<void()>& action);

}  // namespace freeinit_cli
