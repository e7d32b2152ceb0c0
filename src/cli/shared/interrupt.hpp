#pragma once

namespace freeinit_cli {

/// While it lives, the first Ctrl-C (or SIGTERM) is only noted, so that a run can end in order; the
/// second one has its usual effect and kills.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  [[nodiscard]] bool requested() const noexcept;
};

}  // namespace freeinit_cli
