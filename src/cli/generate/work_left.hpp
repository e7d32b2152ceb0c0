#pragma once

#include <freeinit/fwd.hpp>

#include <cstdint>

namespace freeinit_cli {

struct PreparedRun;

/// What a run still does: all of it, or what the folder of --resume has not done.
struct WorkLeft {
  std::int64_t calls = 0;       ///< of the network
  std::int64_t passes = 0;      ///< of all videos; a budget of calls may leave some out
  std::int64_t decodes = 0;     ///< of all frames of a video: for its file, or for each pass
  std::int64_t videos = 0;      ///< files that are not there yet
  std::int64_t unfinished = 0;  ///< videos with network calls left
  std::int64_t kept_bytes = 0;  ///< of the states of those; newer ones replace them
  bool keeps_record = true;     ///< the record of the run is written, or written again
};

/// Of a run whose outputs are planned. `kept`: the run of --resume, or null. Throws
/// freeinit::Error: as CheckpointFolder::read.
[[nodiscard]] WorkLeft work_left(const PreparedRun& run, const freeinit::CheckpointFolder* kept);

}  // namespace freeinit_cli
