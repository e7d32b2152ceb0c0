#pragma once

// Checks that layers without LibTorch share.

#include <freeinit/core/error.hpp>
#include <freeinit/impl/core/text_inl.hpp>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Refuses the setting `name` unless `good`.
inline void check_setting(bool good, const char* name, double value, const char* expected) {
  if (good) return;
  raise(ErrorCode::invalid_argument,
        concat(name, " '", value, "': outside its range; expected ", expected));
}

inline void check_at_least_one(const char* name, std::int64_t value) {
  check_setting(value >= 1, name, static_cast<double>(value), "at least 1");
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
