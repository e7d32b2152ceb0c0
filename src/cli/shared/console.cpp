#include "shared/console.hpp"

#if __has_include(<ATen/core/Tensor.h>)
#error "console.cpp must not see LibTorch: its fmt headers shadow the ones spdlog was built with"
#endif

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>
#include <system_error>

namespace freeinit_cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestBar = 24;
constexpr std::size_t kShortestBar = 5;
constexpr auto kRedrawInterval = std::chrono::milliseconds(80);
constexpr auto kLineInterval = std::chrono::seconds(30);  ///< where lines stay

/// Names and texts of files may hold what a terminal would obey. UTF-8 stays.
std::string printable(std::string_view text, std::string_view kept) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(),
      [kept](char c) {
        const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        return is_control && kept.find(c) == kept.npos;
      },
      ' ');
  return line;
}

/// A message: no more than anybody reads, whatever a file or a library put into it.
std::string one_line(std::string_view text) {
  constexpr std::size_t kLongest = 2000;
  std::string line(text.substr(0, kLongest));
  if (line.size() < text.size()) {
    while ((line.back() & 0xC0) == 0x80) line.pop_back();
    line.back() = ' ';  // of a character that may be cut
    line += "...";
  }
  line = printable(line, "");
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

/// Columns of the terminal behind stderr; 80 where it does not say.
std::size_t terminal_width() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

/// The beginning of `text` that takes at most `columns`: a character beyond ASCII may take two.
std::string fitting(std::string_view text, std::size_t columns) {
  std::string shown;
  std::size_t used = 0;
  for (std::size_t place = 0; place < text.size();) {
    std::size_t end = place + 1;
    while (end < text.size() && (text[end] & 0xC0) == 0x80) ++end;
    used += end - place > 1 ? 2 : 1;
    if (used > columns) break;
    shown += text.substr(place, end - place);
    place = end;
  }
  return shown;
}

/// A bar and its share in words, `columns` wide at most; the share alone where that is too little.
std::string bar_text(double done, std::size_t columns) {
  const std::string share = fmt::format("{:3.0f}%", 100 * done);
  constexpr std::size_t kAround = 3;  // brackets and space
  if (columns < kShortestBar + kAround + share.size()) return share;
  const std::size_t width = std::min(kLongestBar, columns - kAround - share.size());
  const auto filled = static_cast<std::size_t>(done * static_cast<double>(width));
  return fmt::format("[{}{}] {}", std::string(filled, '#'), std::string(width - filled, '-'),
                     share);
}

std::shared_ptr<spdlog::logger> stderr_logger(const char* name, const char* pattern) {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  sink->set_pattern(pattern);
  return std::make_shared<spdlog::logger>(name, std::move(sink));
}

}  // namespace

struct Console::Impl {
  std::shared_ptr<spdlog::logger> notes = stderr_logger("notes", "%v");
  std::shared_ptr<spdlog::logger> problems = stderr_logger("problems", "%^%l:%$ %v");
  bool terminal = isatty(STDERR_FILENO) == 1;
  bool muted = false;
  bool drawn = false;
  std::optional<Clock::time_point> bar_start;  ///< when the first bar was drawn, with its `done`
  double bar_start_done = 0;
  Clock::time_point last_draw = Clock::now();

  std::string time_left(double done, Clock::time_point now) {
    if (!bar_start) {
      bar_start = now;
      bar_start_done = done;
    }
    if (done <= bar_start_done) return {};
    const double elapsed = std::chrono::duration<double>(now - *bar_start).count();
    const double left = elapsed * (1 - done) / (done - bar_start_done);
    return fmt::format(", {} left", clock_text(left));
  }

  void clear() {
    if (!drawn) return;
    std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
    drawn = false;
  }
};

Console::Console() : impl_(std::make_unique<Impl>()) {}
Console::~Console() {
  end_progress();
}

void Console::result(std::string_view text) {
  impl_->clear();
  const std::string line = printable(text, "\n\t");
  const bool written = std::fwrite(line.data(), 1, line.size(), stdout) == line.size() &&
                       std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0;
  if (!written) {
    throw std::system_error(errno, std::generic_category(),
                            "standard output: cannot be written to");
  }
}

void Console::mute(bool muted) {
  impl_->muted = muted;
}

void Console::info(std::string_view message) {
  if (impl_->muted) return;
  impl_->clear();
  impl_->notes->info(one_line(message));
}

void Console::warning(std::string_view message) {
  if (impl_->muted) return;
  impl_->clear();
  impl_->problems->warn(one_line(message));
}

void Console::error(std::string_view message) {
  impl_->clear();
  impl_->problems->error(one_line(message));
}

void Console::progress(std::string_view text, std::optional<double> done) {
  const auto now = Clock::now();
  const bool drawing = impl_->terminal;
  // The last column would begin a new line; a file has no bar.
  const std::size_t width = drawing ? terminal_width() - 1 : 0;
  std::string line(text);
  if (done) {
    const double share = std::clamp(*done, 0.0, 1.0);
    const std::string left = impl_->time_left(share, now);
    const std::size_t taken = line.size() + 2 + left.size();
    line += "  " + bar_text(share, taken < width ? width - taken : 0) + left;
  }
  if (!drawing) {
    if (now - impl_->last_draw < kLineInterval) return;
    impl_->last_draw = now;
    impl_->notes->info(one_line(line));
    return;
  }
  if (impl_->drawn && now - impl_->last_draw < kRedrawInterval) return;
  line = "\r\x1b[K" + fitting(line, width);
  impl_->last_draw = now;
  impl_->drawn = true;
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

void Console::end_progress() {
  impl_->clear();
}

}  // namespace freeinit_cli
