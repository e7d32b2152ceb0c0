#include "shared/interrupt.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>

namespace freeinit_cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

constexpr std::string_view kClearLine = "\r\x1b[K";  // of what progress has drawn
constexpr std::string_view kNote =
    "\r\x1b[Kstopping after the current step; once more to stop at once\n";
static_assert(kNote.starts_with(kClearLine));

volatile std::sig_atomic_t noted_signal = 0;
volatile std::sig_atomic_t watched[3];
volatile std::sig_atomic_t on_terminal = 0;

void stop_watching() {
  for (int i = 0; i < 3; ++i) {
    if (watched[i] != 0) std::signal(kSignals[i], SIG_DFL);
  }
}

/// The only answer until a network call or a decoder returns. Calls what a handler may call, and
/// neither waits for a reader of stderr nor ends where there is none any more: Ctrl-C ends the
/// other programs of a pipeline, too.
void say_stopping() {
  pollfd place{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&place, 1, 0) != 1 || place.revents != POLLOUT) return;
  std::string_view note = kNote;
  if (on_terminal == 0) note.remove_prefix(kClearLine.size());
  const auto former = std::signal(SIGPIPE, SIG_IGN);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, note.data(), note.size());
  std::signal(SIGPIPE, former);
}

extern "C" void note_interrupt(int signal) {
  const int interrupted_errno = errno;
  noted_signal = signal;
  stop_watching();  // the next one kills
  say_stopping();
  errno = interrupted_errno;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  noted_signal = 0;
  on_terminal = ::isatty(STDERR_FILENO);
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
