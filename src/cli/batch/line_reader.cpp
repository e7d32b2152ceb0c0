#include "batch/line_reader.hpp"

#include <freeinit/core/freed_memory.hpp>

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace freeinit_cli {

std::optional<std::string> LineReader::next(const InterruptGuard& interrupt) {
  constexpr int kLookMilliseconds = 200;  // a signal may come just before the wait
  bool gave_back = false;
  while (!interrupt.requested()) {
    const auto end = text_.find('\n');
    if (end != text_.npos || (ended_ && !text_.empty())) {
      std::string line = text_.substr(0, end);
      text_.erase(0, end == text_.npos ? end : end + 1);
      return line;
    }
    if (ended_) break;
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (::poll(&input, 1, kLookMilliseconds) <= 0) {
      if (!std::exchange(gave_back, true)) freeinit::give_back_freed_memory();
      continue;
    }
    std::array<char, 65536> part;
    const auto count = ::read(STDIN_FILENO, part.data(), part.size());
    if (count < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "standard input: cannot be read");
    }
    if (count == 0) ended_ = true;
    if (count > 0) text_.append(part.data(), static_cast<std::size_t>(count));
  }
  return std::nullopt;
}

}  // namespace freeinit_cli
