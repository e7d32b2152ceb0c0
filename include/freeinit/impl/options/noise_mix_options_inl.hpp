#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/options/noise_mix_options.hpp>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<MixMethod, 3> kMixMethodNames{{
    {"freeinit", MixMethod::freeinit},
    {"variance-preserving", MixMethod::variance_preserving},
    {"freqprior", MixMethod::freqprior},
}};

}  // namespace detail

FREEINIT_INLINE MixMethod mix_method_from_string(std::string_view name) {
  return value_from_name("mix", name, detail::kMixMethodNames);
}

FREEINIT_INLINE std::string_view to_string(MixMethod method) noexcept {
  return name_of_value(method, detail::kMixMethodNames);
}

FREEINIT_INLINE void NoiseMixOptions::validate() const {
  if (ratio >= 0.0 && ratio <= 1.0) return;
  raise(ErrorCode::invalid_argument,
        concat("mix ratio '", ratio, "': outside its range; expected 0 to 1"));
}

}  // namespace freeinit::inline FREEINIT_ABI
