#pragma once

#include <freeinit/core/log.hpp>
#include <freeinit/core/progress.hpp>

#include <stop_token>

namespace freeinit::inline FREEINIT_ABI {

/// What a caller may watch and stop during a run. Every member may stay empty.
struct RunControl {
  ProgressCallback progress;
  LogSink log;
  std::stop_token stop;  ///< asked between two model calls

  void report(const Progress& value) const {
    if (progress) progress(value);
  }
  void message(LogLevel level, std::string_view text) const {
    if (log) log(level, text);
  }
};

}  // namespace freeinit::inline FREEINIT_ABI
