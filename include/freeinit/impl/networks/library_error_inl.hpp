#pragma once

// What LibTorch throws leaves the library as freeinit::Error with one line, the original nested
// inside. `inline` in both modes: units of two layers share it.

#include <freeinit/core/error.hpp>

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The line of a LibTorch message that says what happened. The interpreter's messages begin with a
/// trace of the exported Python code; their cause is the last "SomethingError: ..." line.
inline std::string cause_in_one_line(std::string_view text) {
  for (const std::string_view marker : {"\nRuntimeError: ", "Error: "}) {
    if (const auto at = text.rfind(marker); at != std::string_view::npos) {
      text.remove_prefix(at + marker.size());
      break;
    }
  }
  return std::string(text.substr(0, text.find('\n')));
}

/// Whether the message is of LibTorch's allocator on the CPU, which has no exception of its own.
inline bool says_out_of_memory(std::string_view text) {
  return text.find("DefaultCPUAllocator") != std::string_view::npos ||
         text.find("std::bad_alloc") != std::string_view::npos;
}

/// Call inside a catch block: rethrows the exception in flight as Error{code, what: cause}, with
/// the original nested.
[[noreturn]] inline void rethrow_as_error(ErrorCode code, const std::string& what) {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const c10::OutOfMemoryError&) {
    std::throw_with_nested(Error(ErrorCode::model, what + ": out of memory on the device"));
  } catch (const c10::Error& error) {
    if (says_out_of_memory(error.what_without_backtrace())) {
      std::throw_with_nested(Error(ErrorCode::model, what + ": out of memory"));
    }
    std::throw_with_nested(
        Error(code, what + ": " + cause_in_one_line(error.what_without_backtrace())));
  } catch (const std::bad_alloc&) {
    std::throw_with_nested(Error(ErrorCode::model, what + ": out of memory"));
  } catch (const std::length_error&) {
    std::throw_with_nested(Error(ErrorCode::model, what + ": out of memory: more than any holds"));
  } catch (const std::exception& error) {
    if (says_out_of_memory(error.what())) {
      std::throw_with_nested(Error(ErrorCode::model, what + ": out of memory"));
    }
    std::throw_with_nested(Error(code, what + ": " + cause_in_one_line(error.what())));
  }
}

/// What `action` returns; where LibTorch or memory fails it, that is told as Error{model, what:
/// cause}. Other exceptions, those of callbacks, come through.
template <class Action>
auto with_library_errors(const std::string& what, const Action& action) {
  try {
    return action();
  } catch (const c10::Error&) {
    rethrow_as_error(ErrorCode::model, what);
  } catch (const std::bad_alloc&) {
    rethrow_as_error(ErrorCode::model, what);
  } catch (const std::length_error&) {
    rethrow_as_error(ErrorCode::model, what);
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
