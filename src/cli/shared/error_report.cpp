#include "shared/error_report.hpp"

#include "shared/interrupt.hpp"

#include <freeinit/core/error.hpp>

#include <exception>
#include <new>
#include <string>
#include <system_error>

namespace freeinit_cli {

int report_current_exception(Console& console) {
  using freeinit::ErrorCode;
  try {
    throw;
  } catch (const freeinit::Error& error) {
    console.error(error.what());
    if (error.code() == ErrorCode::cancelled) return stopped_exit_code();
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    console.error("out of memory; fewer frames, a smaller size or fewer videos need less");
  } catch (const std::system_error& error) {  // standard output, the working folder
    console.error(error.what());
    return static_cast<int>(ErrorCode::io);
  } catch (const std::exception& error) {
    // LibTorch appends a backtrace to its messages: only the first line is for a person.
    const std::string text = error.what();
    console.error(text.substr(0, text.find('\n')));
  }
  return static_cast<int>(ErrorCode::internal);
}

}  // namespace freeinit_cli
