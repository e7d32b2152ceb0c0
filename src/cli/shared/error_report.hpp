#pragma once

#include "shared/console.hpp"

#include <string>

namespace freeinit_cli {

/// Throws a freeinit::Error: what was asked for is wrong.
[[noreturn]] void refuse(const std::string& message);

/// Prints the exception that is being handled as one line and returns the exit code of its kind.
[[nodiscard]] int report_current_exception(Console& console);

}  // namespace freeinit_cli
