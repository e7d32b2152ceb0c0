#pragma once

#include <freeinit/core/progress.hpp>

#include <chrono>
#include <map>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Splits wall time between phases: `lap` books what went by since the last lap on one phase. It
/// only reads the host's clock, so it never waits for a device.
class PhaseClock {
 public:
  void lap(Phase phase) {
    const auto now = std::chrono::steady_clock::now();
    seconds_[phase] += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

  /// Leaves out what went by since the last lap: time of the caller's callbacks.
  void skip() { last_ = std::chrono::steady_clock::now(); }

  [[nodiscard]] const std::map<Phase, double>& seconds() const noexcept { return seconds_; }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  std::map<Phase, double> seconds_;
};

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
