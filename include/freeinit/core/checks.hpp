#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>

#include <limits>
#include <string_view>
#include <type_traits>

namespace freeinit::inline FREEINIT_ABI {

/// Refuses a number outside `least` .. `most`, and what is no number (NaN). `thing` names it:
/// "number of frames '0': expected 1 to 32". Throws Error: invalid_argument.
template <class Number>
void check_between(std::string_view thing, Number value, std::type_identity_t<Number> least,
                   std::type_identity_t<Number> most) {
  if (value >= least && value <= most) return;
  raise(ErrorCode::invalid_argument,
        concat(thing, " '", value, "': expected ", least, " to ", most));
}

/// Refuses a number below `least`, and what is not finite. Throws Error: invalid_argument.
template <class Number>
void check_at_least(std::string_view thing, Number value, std::type_identity_t<Number> least) {
  if (value >= least && value <= std::numeric_limits<Number>::max()) return;
  raise(ErrorCode::invalid_argument, concat(thing, " '", value, "': expected at least ", least));
}

}  // namespace freeinit::inline FREEINIT_ABI
