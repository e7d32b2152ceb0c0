#include "shared/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace freeinit_cli {
namespace {

volatile std::sig_atomic_t interrupt_requested = 0;

extern "C" void note_interrupt(int signal) {
  interrupt_requested = 1;
  std::signal(signal, SIG_DFL);  // the next one kills
}

void watch(int signal) {
  // A shell starts background jobs with the signal ignored; that wish is kept.
  if (std::signal(signal, note_interrupt) == SIG_IGN) std::signal(signal, SIG_IGN);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupt_requested = 0;
  watch(SIGINT);
  watch(SIGTERM);
}

InterruptGuard::~InterruptGuard() {
  for (const int signal : {SIGINT, SIGTERM}) {
    if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

bool InterruptGuard::requested() const noexcept {
  return interrupt_requested != 0;
}

}  // namespace freeinit_cli
