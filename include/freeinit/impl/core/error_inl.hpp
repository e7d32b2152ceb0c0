#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <algorithm>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Messages quote file names and keys of files: a line break in one of them becomes a space. What
/// is far longer than any message of ours is foreign text (of LibTorch, of FFmpeg) and is cut.
FREEINIT_INLINE std::string one_line(const std::string& message) {
  constexpr std::size_t kLongestMessage = 2000;
  std::string text = message.size() > kLongestMessage ? excerpt(message, kLongestMessage) : message;
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return text;
}

}  // namespace detail

FREEINIT_INLINE Error::Error(ErrorCode code, const std::string& message)
    : std::runtime_error(detail::one_line(message)), code_(code) {}

FREEINIT_INLINE ErrorCode Error::code() const noexcept {
  return code_;
}

FREEINIT_INLINE void raise(ErrorCode code, const std::string& message) {
  throw Error(code, message);
}

}  // namespace freeinit::inline FREEINIT_ABI
