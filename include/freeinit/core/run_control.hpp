#pragma once

#include <freeinit/core/log.hpp>
#include <freeinit/core/progress.hpp>

#include <stop_token>

namespace freeinit::inline FREEINIT_ABI {

/// What a caller may watch and stop during a run. Every member may stay empty.
struct RunControl {
  ProgressCallback progress;  ///< called between two units of work
  LogSink log;                ///< gets warnings and messages
  std::stop_token stop;       ///< asked between two model calls

  /// Calls `progress`, if there is one.
  void report(const Progress& value) const {
    if (progress) progress(value);
  }
  /// Calls `log`, if there is one.
  void message(LogLevel level, std::string_view text) const {
    if (log) log(level, text);
  }
};

}  // namespace freeinit::inline FREEINIT_ABI
