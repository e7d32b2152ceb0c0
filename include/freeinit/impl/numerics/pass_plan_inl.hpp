#pragma once

// How many denoiser calls the passes of a run make, as far as that is known before it starts.

#include <freeinit/core/error.hpp>
#include <freeinit/numerics/free_init.hpp>

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

struct PassPlan {
  std::unique_ptr<const Trajectory> trajectory;
  std::int64_t max_calls;  ///< without the budget
};

/// Where a pass that is not the last ends at the latest, in calls.
FREEINIT_INLINE std::int64_t intermediate_limit(const IntermediatePassOptions& options,
                                                std::span<const std::int64_t> timesteps) {
  const auto size = static_cast<std::int64_t>(timesteps.size());
  if (options.steps && *options.steps > size) {
    raise(ErrorCode::invalid_argument, c10::str("intermediate steps '", *options.steps,
                                                "': more than a pass has; expected 1 to ", size));
  }
  std::int64_t limit = options.steps.value_or(size);
  if (options.stop_timestep) {
    const auto before = std::count_if(timesteps.begin(), timesteps.end(),
                                      [&](std::int64_t t) { return t > *options.stop_timestep; });
    if (before == 0) {
      raise(ErrorCode::invalid_argument,
            c10::str("stop timestep '", *options.stop_timestep,
                     "': not below the first timestep; expected at most ", timesteps[0] - 1));
    }
    limit = std::min<std::int64_t>(limit, before);
  }
  return limit;
}

FREEINIT_INLINE std::vector<PassPlan> plan_passes(const FreeInitOptions& options,
                                                  const Scheduler& scheduler,
                                                  std::int64_t num_inference_steps, double eta) {
  std::vector<PassPlan> plan;
  for (const std::int64_t steps : steps_per_pass(options, num_inference_steps)) {
    auto trajectory = scheduler.trajectory(steps, eta);
    const std::span<const std::int64_t> timesteps = trajectory->timesteps();
    const bool last = std::cmp_equal(plan.size() + 1, options.num_iters);
    const auto size = static_cast<std::int64_t>(timesteps.size());
    const std::int64_t limit = last ? size : intermediate_limit(options.intermediate, timesteps);
    plan.push_back({std::move(trajectory), limit});
  }
  const std::int64_t last_calls = plan.back().max_calls;
  if (options.budget.calls && *options.budget.calls < last_calls) {
    raise(ErrorCode::invalid_argument,
          c10::str("budget of calls '", *options.budget.calls,
                   "': less than the last pass takes; expected at least ", last_calls));
  }
  return plan;
}

/// What is left of `max_calls` for an intermediate pass when `available` calls can be spent on it.
FREEINIT_INLINE std::int64_t affordable_calls(IntermediateResult result, std::int64_t max_calls,
                                              std::int64_t available) {
  if (max_calls <= available) return max_calls;
  return result == IntermediateResult::full ? 0 : std::max<std::int64_t>(available, 0);
}

}  // namespace detail

FREEINIT_INLINE std::vector<std::int64_t> steps_per_pass(const FreeInitOptions& options,
                                                         std::int64_t num_inference_steps) {
  options.validate();
  if (num_inference_steps < 1) {
    raise(ErrorCode::invalid_argument, c10::str("num_inference_steps '", num_inference_steps,
                                                "': outside its range; expected at least 1"));
  }
  const std::int64_t before =
      options.intermediate.num_inference_steps.value_or(num_inference_steps);
  std::vector<std::int64_t> steps(static_cast<std::size_t>(options.num_iters), before);
  steps.back() = num_inference_steps;
  if (!options.fast_sampling) return steps;
  if (options.profile == Profile::official && num_inference_steps < options.num_iters) {
    raise(ErrorCode::invalid_argument,
          c10::str("num_inference_steps '", num_inference_steps,
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

FREEINIT_INLINE std::vector<std::int64_t> max_calls_per_pass(const FreeInitOptions& options,
                                                             const Scheduler& scheduler,
                                                             std::int64_t num_inference_steps) {
  const auto plan = detail::plan_passes(options, scheduler, num_inference_steps, /*eta=*/0.0);
  std::vector<std::int64_t> calls;
  for (const detail::PassPlan& pass : plan) calls.push_back(pass.max_calls);
  if (!options.budget.calls) return calls;
  std::int64_t available = *options.budget.calls - calls.back();
  for (std::size_t pass = 0; pass + 1 < calls.size(); ++pass) {
    calls[pass] = detail::affordable_calls(options.intermediate.result, calls[pass], available);
    // A pass that does not fit sends the run to its last pass.
    available = calls[pass] == 0 ? 0 : available - calls[pass];
  }
  return calls;
}

}  // namespace freeinit::inline FREEINIT_ABI
