#pragma once

#include "console.hpp"

#include <freeinit/core/progress.hpp>

#include <cstdint>
#include <vector>

namespace freeinit_cli {

/// Turns the library's progress into the console's line: pass i/N, step j/M, phase, and how much of
/// all denoising steps is done, which gives the time left.
class ProgressView {
 public:
  ProgressView(Console& console, std::vector<std::int64_t> steps_per_pass);

  void show(const freeinit::Progress& progress);

 private:
  Console& console_;
  std::vector<std::int64_t> steps_before_;  ///< denoising steps before each pass
  std::int64_t all_steps_ = 0;
};

}  // namespace freeinit_cli
