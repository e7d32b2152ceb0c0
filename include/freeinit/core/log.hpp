#pragma once

#include <freeinit/core/config.hpp>

#include <functional>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// How much a message matters; errors are thrown, not logged.
enum class LogLevel { debug, info, warning };

/// Where messages of the library go. An empty sink is allowed and drops them; the library itself
/// never prints. Called on the thread that runs the library function.
using LogSink = std::function<void(LogLevel level, std::string_view message)>;

}  // namespace freeinit::inline FREEINIT_ABI
