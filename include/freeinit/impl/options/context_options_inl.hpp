#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/options/context_options.hpp>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<ContextSchedule, 2> kContextScheduleNames{{
    {"uniform", ContextSchedule::uniform},
    {"static", ContextSchedule::standard_static},
}};
inline constexpr NameTable<FuseMethod, 2> kFuseMethodNames{{
    {"pyramid", FuseMethod::pyramid},
    {"flat", FuseMethod::flat},
}};
inline constexpr NameTable<LongNoise, 3> kLongNoiseNames{{
    {"random", LongNoise::random},
    {"repeat_context", LongNoise::repeat_context},
    {"shuffle_context", LongNoise::shuffle_context},
}};

}  // namespace detail

FREEINIT_INLINE ContextSchedule context_schedule_from_string(std::string_view name) {
  return value_from_name("context schedule", name, detail::kContextScheduleNames);
}

FREEINIT_INLINE std::string_view to_string(ContextSchedule schedule) noexcept {
  return name_of_value(schedule, detail::kContextScheduleNames);
}

FREEINIT_INLINE FuseMethod fuse_method_from_string(std::string_view name) {
  return value_from_name("fuse method", name, detail::kFuseMethodNames);
}

FREEINIT_INLINE std::string_view to_string(FuseMethod method) noexcept {
  return name_of_value(method, detail::kFuseMethodNames);
}

FREEINIT_INLINE LongNoise long_noise_from_string(std::string_view name) {
  return value_from_name("long noise", name, detail::kLongNoiseNames);
}

FREEINIT_INLINE std::string_view to_string(LongNoise noise) noexcept {
  return name_of_value(noise, detail::kLongNoiseNames);
}

FREEINIT_INLINE void ContextOptions::validate() const {
  if (length) check_between("context length", *length, 1, 1'000'000);
  if (overlap) check_at_least("context overlap", *overlap, 0);
  check_between("context stride", stride, 1, 16);
  if (length && overlap && *overlap >= *length) {
    raise(ErrorCode::invalid_argument,
          concat("context overlap '", *overlap, "': not below the context length; expected 0 to ",
                 *length - 1));
  }
  if (schedule == ContextSchedule::standard_static && stride > 1) {
    raise(ErrorCode::invalid_argument,
          concat("context stride '", stride, "': the static schedule has none; expected 1"));
  }
}

}  // namespace freeinit::inline FREEINIT_ABI
