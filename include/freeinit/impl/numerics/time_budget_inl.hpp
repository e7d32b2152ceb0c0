#pragma once

#include <freeinit/numerics/intermediate_passes.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Forecasts by the mean time of the calls so far whether more calls fit into the seconds that a
/// run may take. Reads no clock when there is no such budget.
class TimeBudget {
 public:
  explicit TimeBudget(const SamplingBudget& budget) : budget_(budget) {
    if (budget_.seconds) start_ = budget_.now();
  }

  /// After `calls_done` calls, the last of which made `latest`. A device may still be at work on
  /// it: reading one number waits for that.
  [[nodiscard]] bool fits(std::int64_t further_calls, std::int64_t calls_done,
                          const at::Tensor& latest) const {
    if (!budget_.seconds || calls_done == 0) return true;
    if (!latest.device().is_cpu()) (void)latest.flatten()[0].item();
    const double elapsed = budget_.now() - start_;
    const double mean = elapsed / static_cast<double>(calls_done);
    return elapsed + mean * static_cast<double>(further_calls) <= *budget_.seconds;
  }

 private:
  const SamplingBudget& budget_;
  double start_ = 0.0;
};

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
