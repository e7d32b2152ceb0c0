#pragma once

// How many denoiser calls the passes of a run make; all of it is known before it starts.

#include <freeinit/core/checks.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/passes/free_init.hpp>

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// How many steps of a pass a strength leaves out: diffusers' arithmetic.
FREEINIT_INLINE std::int64_t skipped_steps(std::int64_t steps, double strength) {
  const auto run = static_cast<std::int64_t>(static_cast<double>(steps) * strength);
  if (run > 0) return steps - std::min(run, steps);
  raise(ErrorCode::invalid_argument,
        c10::str("strength '", strength, "': leaves no step of a pass of ", steps,
                 "; expected at least 1/", steps));
}

/// Every pass to its end, or to where `intermediate` ends it.
FREEINIT_INLINE std::vector<PassPlan> all_passes(const FreeInitOptions& options,
                                                 const SamplerFactory& samplers,
                                                 std::int64_t num_inference_steps,
                                                 double strength) {
  std::vector<PassPlan> plan;
  for (const std::int64_t steps : steps_per_pass(options, num_inference_steps)) {
    std::shared_ptr<const Sampler> sampler = samplers(steps);
    const std::int64_t first = sampler->start_index(skipped_steps(steps, strength));
    const auto size = static_cast<std::int64_t>(sampler->timesteps().size()) - first;
    const bool last = std::cmp_equal(plan.size() + 1, options.num_iters);
    const std::int64_t calls = last ? size : options.intermediate.steps.value_or(size);
    if (calls > size) {
      raise(ErrorCode::invalid_argument, c10::str("intermediate steps '", calls,
                                                  "': more than a pass has; expected 1 to ", size));
    }
    plan.push_back({std::move(sampler), calls, first});
  }
  return plan;
}

/// The passes that a budget of calls leaves: each before the last gets what is left of it, and one
/// that gets nothing sends the run to its last pass.
FREEINIT_INLINE std::vector<PassPlan> within_budget(std::vector<PassPlan> plan, bool whole_passes,
                                                    std::int64_t budget) {
  const PassPlan last = plan.back();
  if (budget < last.calls) {
    raise(ErrorCode::invalid_argument, c10::str("budget of calls '", budget,
                                                "': less than the last pass takes; expected at "
                                                "least ",
                                                last.calls));
  }
  std::int64_t available = budget - last.calls;
  for (std::size_t pass = 0; pass + 1 < plan.size(); ++pass) {
    std::int64_t& calls = plan[pass].calls;
    if (calls > available) calls = whole_passes ? 0 : available;
    if (calls == 0) {
      plan.resize(pass);
      plan.push_back(last);
      break;
    }
    available -= calls;
  }
  return plan;
}

}  // namespace detail

FREEINIT_INLINE std::vector<PassPlan> plan_passes(const FreeInitOptions& options,
                                                  const SamplerFactory& samplers,
                                                  std::int64_t num_inference_steps,
                                                  double strength) {
  check_setting(strength > 0.0 && strength <= 1.0, "strength", strength, "above 0, at most 1");
  std::vector<PassPlan> plan = detail::all_passes(options, samplers, num_inference_steps, strength);
  if (!options.budget_calls) return plan;
  const bool whole = options.intermediate.result == IntermediateResult::full;
  return detail::within_budget(std::move(plan), whole, *options.budget_calls);
}

}  // namespace freeinit::inline FREEINIT_ABI
