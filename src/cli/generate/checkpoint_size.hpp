#pragma once

#include <freeinit/core/saturated.hpp>

namespace freeinit_cli {

struct PreparedRun;

/// Bytes of the files of a folder that keeps a run, each at most.
struct CheckpointSize {
  freeinit::Saturated record{};   ///< of run.safetensors
  freeinit::Saturated running{};  ///< of a video that is sampled
  freeinit::Saturated done{};     ///< of a video whose passes are complete
};

[[nodiscard]] CheckpointSize checkpoint_size(const PreparedRun& run);

/// What the folder takes beyond what lies in it when the rest of the run begins: while a state is
/// written the former one stays.
[[nodiscard]] freeinit::Saturated checkpoint_need(const PreparedRun& run);

}  // namespace freeinit_cli
