#pragma once

#include <ATen/record_function.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// While it lives, adds up the self time of the operators that this thread calls, by name: their
/// time without that of the operators they call themselves. What their own threads do counts, as
/// the call waits for it; on a device nothing does, as it does not wait.
class OperatorTimes {
 public:
  OperatorTimes() {
    current() = this;
    handle_ = at::addThreadLocalCallback(
        at::RecordFunctionCallback(&OperatorTimes::enter, &OperatorTimes::leave)
            .scopes({at::RecordScope::FUNCTION}));
  }
  ~OperatorTimes() {
    at::removeCallback(handle_);
    current() = nullptr;
  }
  OperatorTimes(const OperatorTimes&) = delete;
  OperatorTimes& operator=(const OperatorTimes&) = delete;

  [[nodiscard]] const std::map<std::string, double>& seconds() const { return seconds_; }

 private:
  using Clock = std::chrono::steady_clock;

  // LibTorch's callbacks carry no state of ours.
  static OperatorTimes*& current() {
    static thread_local OperatorTimes* times = nullptr;
    return times;
  }
  static std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction& function) {
    current()->charge();
    current()->running_.emplace_back(function.name());
    return nullptr;
  }
  static void leave(const at::RecordFunction& /*function*/, at::ObserverContext* /*context*/) {
    current()->charge();
    current()->running_.pop_back();
  }

  /// Gives the time since the last change to the innermost operator.
  void charge() {
    const Clock::time_point now = Clock::now();
    const Clock::time_point before = std::exchange(since_, now);
    if (running_.empty()) return;
    seconds_[running_.back()] += std::chrono::duration<double>(now - before).count();
  }

  at::CallbackHandle handle_ = 0;
  std::vector<std::string> running_;
  Clock::time_point since_;
  std::map<std::string, double> seconds_;
};
