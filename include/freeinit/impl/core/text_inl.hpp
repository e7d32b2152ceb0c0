#pragma once

#include <freeinit/core/config.hpp>

#include <sstream>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The values one after another, as a stream prints them: messages of layers without LibTorch.
template <class... Values>
[[nodiscard]] std::string concat(const Values&... values) {
  std::ostringstream text;
  (text << ... << values);
  return std::move(text).str();
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
