#include "shared/error_report.hpp"

#include "shared/interrupt.hpp"

#include <freeinit/core/error.hpp>

#include <CLI/CLI.hpp>

#include <exception>
#include <new>
#include <string>
#include <system_error>

namespace freeinit_cli {
namespace {

/// CLI11 says "overwrite was given a disallowed flag override".
std::string without_jargon(const std::string& text) {
  const std::size_t end = text.find(" was given a disallowed flag override");
  return end == text.npos ? text : "--" + text.substr(0, end) + ": takes no value";
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
