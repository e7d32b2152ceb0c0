#include "shared/interrupt.hpp"

#include <csignal>

namespace freeinit_cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t noted_signal = 0;
volatile std::sig_atomic_t watched[3];

void stop_watching() {
  for (int i = 0; i < 3; ++i) {
    if (watched[i] != 0) std::signal(kSignals[i], SIG_DFL);
  }
}

extern "C" void note_interrupt(int signal) {
  noted_signal = signal;
  stop_watching();  // the next one kills
}

}  // namespace

InterruptGuard::InterruptGuard() {
  noted_signal = 0;
  for (int i = 0; i < 3; ++i) {
    watched[i] = 1;
    if (std::signal(kSignals[i], note_interrupt) != SIG_IGN) continue;
    // A shell starts background jobs with the signal ignored, and so does nohup: that wish is kept.
    watched[i] = 0;
    std::signal(kSignals[i], SIG_IGN);
  }
}

InterruptGuard::~InterruptGuard() {
  stop_watching();
}

bool InterruptGuard::requested() const noexcept {
  return noted_signal != 0;
}

int stopped_exit_code() noexcept {
  return 128 + (noted_signal != 0 ? noted_signal : SIGINT);
}

}  // namespace freeinit_cli
