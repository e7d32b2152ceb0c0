#pragma once

#include <freeinit/c/freeinit.h>
#include <freeinit/core/run_control.hpp>

#include <functional>
#include <optional>
#include <stop_token>

namespace freeinit_c {

/// What watches a call and can stop it: a token of the caller's, and callbacks.
class Watch {
 public:
  /// Load and run options have these fields alike.
  template <class Options>
  explicit Watch(const Options& options)
      : Watch(options.user_data, options.on_progress, options.on_log, options.cancel) {}
  Watch(const Watch&) = delete;

  [[nodiscard]] const freeinit::RunControl& control() const noexcept { return control_; }
  /// What a callback has answered: anything but 0 stops.
  void heed(int answer) {
    if (answer != 0) stop_.request_stop();
  }

 private:
  Watch(void* user_data, freeinit_progress_fn on_progress, freeinit_log_fn on_log,
        const freeinit_cancel* cancel);

  /// Decoding calls no network: it keeps the counts that sampling of this video ended with.
  [[nodiscard]] freeinit::Progress with_calls(freeinit::Progress progress);

  std::stop_source stop_;
  freeinit::Progress sampled_;
  std::optional<std::stop_callback<std::function<void()>>> pressed_;
  freeinit::RunControl control_;
};

}  // namespace freeinit_c
