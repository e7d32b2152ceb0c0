#pragma once

#include <vector>

namespace freeinit_cli {

struct PreparedRun;

/// Network calls of a run that take equally long.
struct CallKind {
  bool guided = false;   ///< with and without the text
  bool cached = false;   ///< deep features are those of an earlier call
  double share = 0.0;    ///< of all calls of the run
  double seconds = 0.0;  ///< of one, where it was measured
};

/// The kinds that the run has, most often one; their shares add to 1.
[[nodiscard]] std::vector<CallKind> call_kinds(const PreparedRun& run);

}  // namespace freeinit_cli
