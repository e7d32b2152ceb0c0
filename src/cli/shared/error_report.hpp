#pragma once

#include "shared/console.hpp"

namespace freeinit_cli {

/// Prints the exception that is being handled as one line and returns the exit code of its kind.
[[nodiscard]] int report_current_exception(Console& console);

}  // namespace freeinit_cli
