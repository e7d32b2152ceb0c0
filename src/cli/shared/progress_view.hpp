#pragma once

#include "shared/console.hpp"

#include <freeinit/core/progress.hpp>

namespace freeinit_cli {

/// Turns the library's progress into the console's line: pass i/N, step j/M, phase, and how much of
/// all network calls is done, which gives the time left.
class ProgressView {
 public:
  explicit ProgressView(Console& console) : console_(console) {}

  void show(const freeinit::Progress& progress);

 private:
  Console& console_;
};

}  // namespace freeinit_cli
