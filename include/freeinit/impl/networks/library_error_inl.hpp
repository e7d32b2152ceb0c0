#pragma once

// What LibTorch throws leaves the library as freeinit::Error with one line, the original nested
// inside. `inline` in both modes: units of two layers share it.

#include <freeinit/core/error.hpp>

#include <c10/util/Exception.h>

#include <algorithm>
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
  text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
  text = text.substr(0, text.find('\n'));
  // What follows in an archive's message is advice, two sentences of it.
  return std::string(text.substr(0, text.find(". This is an internal miniz error")));
}

inline bool mentions(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// What a message says of memory that ran out; else nothing. The allocator on the CPU has no
/// exception of its own, and TorchScript's interpreter keeps of any exception the text alone.
inline std::string_view told_of_memory(std::string_view text) {
  if (mentions(text, "DefaultCPUAllocator") || mentions(text, "std::bad_alloc")) {
    return "out of memory";
  }
  return mentions(text, " out of memory") ? "out of memory on the device" : "";  // CUDA's, HIP's
}

/// The error of a message of LibTorch.
inline Error error_of_message(ErrorCode code, const std::string& what, std::string_view text) {
  const std::string_view memory = told_of_memory(text);
  if (!memory.empty()) return Error(ErrorCode::model, what + ": " + std::string(memory));
  return Error(code, what + ": " + cause_in_one_line(text));
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
    std::throw_with_nested(error_of_message(code, what, error.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    std::throw_with_nested(Error(ErrorCode::model, what + ": out of memory"));
  } catch (const std::length_error&) {
    std::throw_with_nested(Error(ErrorCode::model, what + ": out of memory: more than any holds"));
  } catch (const std::exception& error) {
    std::throw_with_nested(error_of_message(code, what, error.what()));
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
