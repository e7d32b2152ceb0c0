#pragma once

namespace freeinit_cli {

/// While it lives, the first SIGINT (Ctrl-C), SIGTERM or SIGHUP is only noted, with a line on
/// stderr, so that a run can end in order; the second one, whichever it is, has its usual effect
/// and kills.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  [[nodiscard]] bool requested() const noexcept;
};

/// What a stopped run exits with: 128 and the number of the signal that the last guard noted, as
/// shells count; 130 without one.
[[nodiscard]] int stopped_exit_code() noexcept;

}  // namespace freeinit_cli
