#pragma once

#include <freeinit/core/config.hpp>

#include <cstdint>
#include <limits>

namespace freeinit::inline FREEINIT_ABI {

/// A number of at least 0, as of bytes: a sum or product that does not fit is the largest one,
/// which is more than any machine has.
class Saturated {
 public:
  /// `number` is 0 or more. Formulas hold plain numbers, too, so it converts by itself.
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr Saturated(std::int64_t number = 0) noexcept : value_(number) {}

  /// The plain number.
  [[nodiscard]] constexpr std::int64_t value() const noexcept { return value_; }

  /// The sum, or the largest number.
  friend constexpr Saturated operator+(Saturated a, Saturated b) noexcept {
    std::int64_t sum = 0;
    return __builtin_add_overflow(a.value_, b.value_, &sum) ? most() : Saturated(sum);
  }
  /// The product, or the largest number.
  friend constexpr Saturated operator*(Saturated a, Saturated b) noexcept {
    std::int64_t product = 0;
    return __builtin_mul_overflow(a.value_, b.value_, &product) ? most() : Saturated(product);
  }
  /// Adds, as `+` does.
  constexpr Saturated& operator+=(Saturated other) noexcept { return *this = *this + other; }

 private:
  static constexpr Saturated most() noexcept { return std::numeric_limits<std::int64_t>::max(); }

  std::int64_t value_;
};

}  // namespace freeinit::inline FREEINIT_ABI
