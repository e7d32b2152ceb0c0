#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/sampling/sampler_table.hpp>
#include <freeinit/sampling/samplers/ddim.hpp>
#include <freeinit/sampling/samplers/euler.hpp>

#include <array>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr std::array<SamplerRow, 2> kSamplers{{
    {"ddim", "DDIMScheduler", make_ddim},
    {"euler", "EulerDiscreteScheduler", make_euler},
}};

}  // namespace detail

FREEINIT_INLINE std::span<const SamplerRow> sampler_table() noexcept {
  return detail::kSamplers;
}

FREEINIT_INLINE const SamplerRow& find_sampler(std::string_view name) {
  std::string known;
  for (const SamplerRow& row : detail::kSamplers) {
    if (name == row.name || name == row.class_name) return row;
    known.append(known.empty() ? "" : ", ").append(row.name);
  }
  raise(ErrorCode::invalid_argument,
        concat("sampler ", quote(name), ": unknown; expected one of ", known));
}

FREEINIT_INLINE std::unique_ptr<const Sampler> make_sampler(const NoiseSchedule& schedule,
                                                            std::int64_t num_inference_steps,
                                                            double eta) {
  return find_sampler(schedule.config().sampler).make(schedule, num_inference_steps, eta);
}

FREEINIT_INLINE SamplerFactory sampler_factory(const NoiseSchedule& schedule, double eta) {
  return [&schedule, eta](std::int64_t num_inference_steps) {
    return make_sampler(schedule, num_inference_steps, eta);
  };
}

}  // namespace freeinit::inline FREEINIT_ABI
