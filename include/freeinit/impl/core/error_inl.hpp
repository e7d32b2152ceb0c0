#pragma once

#include <freeinit/core/error.hpp>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE Error::Error(ErrorCode code, const std::string& message)
    : std::runtime_error(message), code_(code) {}

FREEINIT_INLINE ErrorCode Error::code() const noexcept {
  return code_;
}

FREEINIT_INLINE void raise(ErrorCode code, const std::string& message) {
  throw Error(code, message);
}

}  // namespace freeinit::inline FREEINIT_ABI
