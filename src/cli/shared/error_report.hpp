#pragma once

#include "shared/console.hpp"

#include <stdexcept>
#include <string>

namespace freeinit_cli {

/// Throws a freeinit::Error: what was asked for is wrong.
[[noreturn]] void refuse(const std::string& message);

/// Exit code of a command that did a part of what it was asked for.
inline constexpr int kSomeFailed = 8;

/// A part of the work failed, and each failure was reported where it came up.
struct PartlyFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
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
