#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <limits>
#include <string_view>
#include <type_traits>

namespace freeinit::inline FREEINIT_ABI {

/// Refuses a setting unless `good`. `thing` names it: "eta '2': outside its range; expected 0 to
/// 1". Throws Error: invalid_argument.
template <class Value>
void check_setting(bool good, std::string_view thing, const Value& value,
                   std::string_view expected) {
  if (good) return;
  raise(ErrorCode::invalid_argument,
        concat(thing, " '", value, "': outside its range; expected ", expected));
}

/// Refuses a number outside `least` .. `most`, and what is no number (NaN).
template <class Number>
void check_between(std::string_view thing, Number value, std::type_identity_t<Number> least,
                   std::type_identity_t<Number> most) {
  const bool good = value >= least && value <= most;
  check_setting(good, thing, value, good ? "" : concat(least, " to ", most));
}

/// Refuses a number below `least`, and what is not finite.
template <class Number>
void check_at_least(std::string_view thing, Number value, std::type_identity_t<Number> least) {
  const bool good = value >= least && value <= std::numeric_limits<Number>::max();
  check_setting(good, thing, value, good ? "" : concat("at least ", least));
}

}  // namespace freeinit::inline FREEINIT_ABI
