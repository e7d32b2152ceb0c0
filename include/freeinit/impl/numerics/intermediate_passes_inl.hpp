#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/numerics/intermediate_passes.hpp>

#include <c10/util/StringUtil.h>

#include <chrono>
#include <cmath>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<IntermediateResult, 3> kIntermediateResultNames{{
    {"full", IntermediateResult::full},
    {"partial", IntermediateResult::partial},
    {"prediction", IntermediateResult::prediction},
}};

FREEINIT_INLINE void check_tolerance(const char* name, const std::optional<double>& value) {
  if (!value || (*value >= 0.0 && std::isfinite(*value))) return;
  raise(ErrorCode::invalid_argument,
        c10::str(name, " '", *value, "': outside its range; expected a finite number from 0 on"));
}

FREEINIT_INLINE void check_count(const char* name, const std::optional<std::int64_t>& value) {
  if (!value || *value >= 1) return;
  raise(ErrorCode::invalid_argument,
        c10::str(name, " '", *value, "': outside its range; expected at least 1"));
}

}  // namespace detail

FREEINIT_INLINE IntermediateResult intermediate_result_from_string(std::string_view name) {
  return value_from_name("intermediate result", name, detail::kIntermediateResultNames);
}

FREEINIT_INLINE std::string_view to_string(IntermediateResult result) noexcept {
  return name_of_value(result, detail::kIntermediateResultNames);
}

FREEINIT_INLINE void IntermediatePassOptions::validate() const {
  detail::check_count("intermediate steps", steps);
  detail::check_count("intermediate num_inference_steps", num_inference_steps);
  detail::check_tolerance("pass tolerance", pass_tolerance);
  if (stop_timestep && *stop_timestep < 0) {
    raise(ErrorCode::invalid_argument,
          c10::str("stop timestep '", *stop_timestep, "': outside its range; expected 0 or more"));
  }
  const bool ends_early = steps || stop_timestep || pass_tolerance;
  if (ends_early != (result == IntermediateResult::full)) return;
  raise(ErrorCode::invalid_argument,
        c10::str("intermediate result '", to_string(result), "': ",
                 ends_early ? "runs to its end; expected partial or prediction with "
                            : "ends early, but nothing says where; expected ",
                 "steps, stop timestep or pass tolerance"));
}

FREEINIT_INLINE double SamplingBudget::now() const {
  if (clock) return clock();
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

FREEINIT_INLINE void SamplingBudget::validate() const {
  detail::check_count("budget of calls", calls);
  if (seconds && !(*seconds > 0.0 && std::isfinite(*seconds))) {
    raise(ErrorCode::invalid_argument,
          c10::str("budget of seconds '", *seconds, "': expected a finite number above 0"));
  }
}

}  // namespace freeinit::inline FREEINIT_ABI
