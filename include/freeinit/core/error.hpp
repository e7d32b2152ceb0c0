#pragma once

#include <freeinit/core/config.hpp>

#include <stdexcept>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// What kind of thing went wrong. The command uses the numeric value as its exit code.
enum class ErrorCode : int {
  internal = 1,          ///< a broken promise inside the library, or an unexpected LibTorch failure
  invalid_argument = 2,  ///< a setting outside its range, a shape that does not fit
  not_found = 3,         ///< a file, folder, tensor or manifest key that is not there
  invalid_file = 4,      ///< a file that exists but is truncated, altered or of another format
  unsupported = 5,       ///< a valid wish this build, model or machine cannot fulfil
  io = 6,                ///< reading or writing failed: permissions, full disk
  model = 7,             ///< a network failed while loading or running
  cancelled = 130,       ///< stopped through the stop token before any pass was complete
};

/// The only exception type the library throws on purpose. `what()` is one line: the thing, its
/// value, and what was expected. A lower-level cause (a LibTorch error) is nested:
/// `std::rethrow_if_nested`.
class FREEINIT_API Error : public std::runtime_error {
 public:
  /// `message` is one line: the thing, its value, what is wrong, what is expected.
  Error(ErrorCode code, const std::string& message);

  /// The kind of failure, and the command's exit code.
  [[nodiscard]] ErrorCode code() const noexcept;

 private:
  ErrorCode code_;
};

/// Throws `Error{code, message}`. Out of line, so that checks stay small at the call site.
[[noreturn]] FREEINIT_API void raise(ErrorCode code, const std::string& message);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/core/error_inl.hpp>
#endif
