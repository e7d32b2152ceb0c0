#pragma once

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace freeinit_cli {

/// Options of `generate` for runs that go on later, and for what a stop leaves.
struct CheckpointArguments {
  std::string folder, resume;  ///< at most one
  std::int64_t every = 10;     ///< network calls; 0: after passes alone
  std::string on_cancel = "save";

  /// Whether a stopped run writes nothing of the video that it stopped in.
  [[nodiscard]] bool discards() const { return on_cancel == "discard"; }
};

void add_checkpoint_options(CLI::App& command, CheckpointArguments& arguments);

}  // namespace freeinit_cli
