#pragma once

#include <freeinit/core/progress.hpp>

#include <chrono>
#include <map>

namespace freeinit_cli {

/// Wall time by phase.
using PhaseSeconds = std::map<freeinit::Phase, double>;

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace freeinit_cli
