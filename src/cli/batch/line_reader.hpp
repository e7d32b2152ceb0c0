#pragma once

#include "shared/interrupt.hpp"

#include <optional>
#include <string>

namespace freeinit_cli {

/// Lines of standard input, each as soon as it is there.
class LineReader {
 public:
  /// Waits for the next line; nothing at the end of the input, and once a signal was noted. While
  /// there is none, freed memory goes back to the system. Throws std::system_error.
  [[nodiscard]] std::optional<std::string> next(const InterruptGuard& interrupt);

 private:
  std::string text_;  ///< read, not yet given out
  bool ended_ = false;
};

}  // namespace freeinit_cli
