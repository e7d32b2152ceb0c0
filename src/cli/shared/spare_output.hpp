#pragma once

#include "shared/console.hpp"

#include <freeinit/core/error.hpp>

#include <functional>
#include <string>
#include <utility>

namespace freeinit_cli {

/// Files that a run can do without: one that cannot be written is a warning, and the run goes on.
class SpareOutput {
 public:
  /// `consequence`: the end of the warning.
  SpareOutput(Console& console, std::string consequence)
      : console_(console), consequence_(std::move(consequence)) {}

  void write(const std::function<void()>& action) {
    try {
      action();
      failed_ = false;
    } catch (const freeinit::Error& error) {
      if (error.code() != freeinit::ErrorCode::io) throw;
      if (std::exchange(failed_, true)) return;  // a line for each would hide all others
      console_.warning(std::string(error.what()) + "; " + consequence_);
    }
  }

 private:
  Console& console_;
  std::string consequence_;
  bool failed_ = false;
};

}  // namespace freeinit_cli
