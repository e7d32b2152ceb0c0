#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/names.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/options/free_init_options.hpp>

#include <algorithm>
#include <cstddef>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<Profile, 2> kProfileNames{{
    {"diffusers", Profile::diffusers},
    {"official", Profile::official},
}};
inline constexpr NameTable<IntermediateResult, 3> kIntermediateResultNames{{
    {"full", IntermediateResult::full},
    {"partial", IntermediateResult::partial},
    {"prediction", IntermediateResult::prediction},
}};

}  // namespace detail

FREEINIT_INLINE Profile profile_from_string(std::string_view name) {
  return value_from_name("profile", name, detail::kProfileNames);
}

FREEINIT_INLINE std::string_view to_string(Profile profile) noexcept {
  return name_of_value(profile, detail::kProfileNames);
}

FREEINIT_INLINE IntermediateResult intermediate_result_from_string(std::string_view name) {
  return value_from_name("intermediate result", name, detail::kIntermediateResultNames);
}

FREEINIT_INLINE std::string_view to_string(IntermediateResult result) noexcept {
  return name_of_value(result, detail::kIntermediateResultNames);
}

FREEINIT_INLINE void IntermediatePassOptions::validate() const {
  check_at_least("intermediate steps", steps.value_or(1), 1);
  if (steps.has_value() != (result == IntermediateResult::full)) return;
  raise(ErrorCode::invalid_argument,
        concat("intermediate result '", to_string(result), "': ",
               steps ? "runs to its end; expected partial or prediction with "
                     : "ends early, and nothing says where; expected ",
               "intermediate steps"));
}

FREEINIT_INLINE void FreeInitOptions::validate() const {
  if (num_iters < 1 || num_iters > 1000) {
    raise(ErrorCode::invalid_argument,
          concat("num_iters '", num_iters,
                 "': not a number of passes; expected 1 (plain sampling) to 1000"));
  }
  if (filters.empty()) {
    raise(ErrorCode::invalid_argument,
          "filters '[]': empty; expected one for each "
          "re-initialisation, or one for all");
  }
  for (const FrequencyFilterOptions& filter : filters) filter.validate();
  mix.validate();
  intermediate.validate();
  check_at_least("budget of calls", budget_calls.value_or(1), 1);
}

FREEINIT_INLINE std::vector<std::int64_t> steps_per_pass(const FreeInitOptions& options,
                                                         std::int64_t num_inference_steps) {
  options.validate();
  check_at_least("num_inference_steps", num_inference_steps, 1);
  std::vector<std::int64_t> steps(static_cast<std::size_t>(options.num_iters), num_inference_steps);
  if (!options.fast_sampling) return steps;
  if (options.profile == Profile::official && num_inference_steps < options.num_iters) {
    raise(ErrorCode::invalid_argument,
          concat("num_inference_steps '", num_inference_steps,
                 "' with fast sampling: the first of ", options.num_iters,
                 " passes would have no step; expected at least ", options.num_iters));
  }
  // In double and in this order, as both originals: 61 steps in 7 passes end at 60.
  const double share =
      static_cast<double>(num_inference_steps) / static_cast<double>(options.num_iters);
  for (std::size_t pass = 0; pass < steps.size(); ++pass) {
    const auto count = static_cast<std::int64_t>(share * static_cast<double>(pass + 1));
    steps[pass] = std::max<std::int64_t>(count, 1);
  }
  return steps;
}

}  // namespace freeinit::inline FREEINIT_ABI
