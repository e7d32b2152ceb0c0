#pragma once

#include <freeinit/core/config.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// The known name of which `name` is a slip of the finger, not another word; empty where there is
/// none.
[[nodiscard]] FREEINIT_API std::string near_name(std::string_view name,
                                                 const std::set<std::string>& known);

/// At most three of the known names that may have been meant by `name`: what other programs call
/// so, a slip of the finger, or names of the same words. The words of all of them are parted by
/// dashes.
[[nodiscard]] FREEINIT_API std::vector<std::string> meant_names(std::string_view name,
                                                                const std::set<std::string>& known);

/// "; did you mean 'a', 'b' or 'c'?" for the end of a message; empty without names.
[[nodiscard]] FREEINIT_API std::string did_you_mean(const std::vector<std::string>& names);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/core/name_help_inl.hpp>
#endif
