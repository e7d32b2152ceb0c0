#pragma once

#include "shared/console.hpp"

#include <freeinit/core/progress.hpp>

#include <string>
#include <utility>

namespace freeinit_cli {

/// Turns the library's progress into the console's line: pass i/N, step j/M, phase, and how much of
/// all network calls is done, which gives the time left.
class ProgressView {
 public:
  explicit ProgressView(Console& console) : console_(console) {}

  /// What is shown next is one part of a larger whole, of which it is `share` from `done` on, both
  /// in 0..1; `name` stands before it.
  void begin_part(std::string name, double done, double share) {
    part_ = {std::move(name), done, share};
  }

  void show(const freeinit::Progress& progress);

 private:
  struct Part {
    std::string name;
    double done = 0.0, share = 1.0;
  };

  Console& console_;
  Part part_;
};

}  // namespace freeinit_cli
