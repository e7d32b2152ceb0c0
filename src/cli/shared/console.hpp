#pragma once

// What a person sees: messages and a progress line on stderr, results on stdout. Plain standard
// types only, because the implementation uses spdlog, which must never meet LibTorch's headers.

#include <memory>
#include <optional>
#include <string_view>

namespace freeinit_cli {

class Console {
 public:
  Console();
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// A line of the result, the only thing that goes to stdout; control characters, which files may
  /// hold, become spaces here and in messages. Throws std::system_error when stdout cannot be
  /// written to.
  void result(std::string_view line);

  /// While it is muted, notes and warnings are dropped: of what is said again later.
  void mute(bool muted);

  void info(std::string_view message);
  void warning(std::string_view message);
  /// One line `error: ...`; line breaks in `message` become spaces.
  void error(std::string_view message);

  /// Shows where the work stands in one line of the terminal, elsewhere in a line of its own every
  /// half minute. `done` in 0..1 adds the time left and a bar, as long as there is room.
  void progress(std::string_view text, std::optional<double> done);
  void end_progress();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freeinit_cli
