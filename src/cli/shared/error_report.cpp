#include "shared/error_report.hpp"

#include "shared/interrupt.hpp"

#include <freeinit/core/error.hpp>

#include <CLI/CLI.hpp>

#include <exception>
#include <new>
#include <regex>
#include <string>
#include <system_error>
#include <utility>

namespace freeinit_cli {
namespace {

/// CLI11's own sentences in ours; texts of our checks stay, and what is too long for std::regex,
/// which recurses.
std::string without_jargon(const std::string& text) {
  constexpr std::size_t kLongest = 1000;
  if (text.size() > kLongest) return text;
  static const std::pair<std::regex, const char*> kSentences[] = {
      {std::regex("(\\S+) was given a disallowed flag override"), "--$1: takes no value"},
      {std::regex("(\\S+) is required"), "$1: missing; --help says what it is"},
      {std::regex("(\\S+): 1 required (.+) missing"), "$1: expected $2 behind it"},
      {std::regex("(\\S+): (\\d+) required (.+) missing"), "$1: expected $2 more $3 behind it"},
      {std::regex("(\\S+): At least (\\d+) required but received (\\d+)"),
       "$1: has $3 of $2 values"},
      {std::regex("(\\S+): At Most 1 required but received (\\d+)"),
       "$1: given $2 times; expected once"},
      {std::regex("(\\S+): At Most (\\d+) required but received (\\d+)"),
       "$1: has $3 values; expected at most $2"},
      {std::regex("(\\S+) excludes (\\S+)"), "$1 and $2: expected one of them"},
      {std::regex("(\\S+): (.*) not in \\{(.+)\\}"), "$1 '$2': expected one of $3"}};
  for (const auto& [theirs, ours] : kSentences) {
    if (std::regex_match(text, theirs)) return std::regex_replace(text, theirs, ours);
  }
  return text;
}

}  // namespace

void refuse(const std::string& message) {
  freeinit::raise(freeinit::ErrorCode::invalid_argument, message);
}

Failure current_failure() {
  using freeinit::ErrorCode;
  try {
    throw;
  } catch (const freeinit::Error& error) {
    const bool stopped = error.code() == ErrorCode::cancelled;
    return {stopped ? stopped_exit_code() : static_cast<int>(error.code()), error.what()};
  } catch (const CLI::Error& error) {
    return {static_cast<int>(ErrorCode::invalid_argument), without_jargon(error.what())};
  } catch (const CommandFailure& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {static_cast<int>(ErrorCode::internal),
            "out of memory; fewer frames, a smaller size or fewer videos need less"};
  } catch (const std::system_error& error) {  // standard output, the working folder
    return {static_cast<int>(ErrorCode::io), error.what()};
  } catch (const std::exception& error) {
    // LibTorch appends a backtrace to its messages: only the first line is for a person.
    const std::string text = error.what();
    return {static_cast<int>(ErrorCode::internal), text.substr(0, text.find('\n'))};
  }
}

int report_current_exception(Console& console) {
  const auto [code, message] = current_failure();
  console.error(message);
  return code;
}

}  // namespace freeinit_cli
