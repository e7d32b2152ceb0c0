#pragma once

#include "shared/console.hpp"

#include <stdexcept>
#include <string>

namespace freeinit_cli {

/// Throws a freeinit::Error: what was asked for is wrong.
[[noreturn]] void refuse(const std::string& message);

// Exit codes beside those of freeinit::ErrorCode.
inline constexpr int kSomeFailed = 8;  ///< of the jobs of a batch
inline constexpr int kDiffers = 9;     ///< a video that was made again

/// The command did what it was asked for, and what came of it is no success.
class CommandFailure : public std::runtime_error {
 public:
  CommandFailure(int code, const std::string& message) : std::runtime_error(message), code_(code) {}

  [[nodiscard]] int code() const noexcept { return code_; }

 private:
  int code_;
};

/// An exit code, and why in one line.
struct Failure {
  int code;
  std::string message;
};

/// What the exception that is being handled means.
[[nodiscard]] Failure current_failure();

/// Prints the exception that is being handled as one line and returns the exit code of its kind.
[[nodiscard]] int report_current_exception(Console& console);

}  // namespace freeinit_cli
