#include "generate/call_kinds.hpp"

#include "generate/prepared_run.hpp"

#include <freeinit/networks/guidance.hpp>
#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/inversion.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>

namespace freeinit_cli {
namespace {

/// By whether calls are guided and cached.
using CallCounts = std::map<std::pair<bool, bool>, std::int64_t>;

/// As FeatureCache and guided_denoiser do it: features of a batch of two serve no single one.
void count_pass(std::span<const double> timesteps, const freeinit::GenerationRequest& request,
                const freeinit::TimestepInterval& interval, CallCounts& counts) {
  std::int64_t reuses = 0;
  bool before = false;
  for (const double timestep : timesteps) {
    const bool guided = request.guidance_scale > 1.0 && interval.contains(timestep);
    const bool cached = reuses > 0 && guided == before;
    reuses = cached ? reuses - 1 : request.cache_interval - 1;
    before = guided;
    ++counts[{guided, cached}];
  }
}

}  // namespace

std::vector<CallKind> call_kinds(const PreparedRun& run) {
  const auto& request = run.request;
  const freeinit::NoiseSchedule schedule(freeinit::request_config(run.manifest.scheduler, request));
  const auto highest = static_cast<double>(schedule.num_train_timesteps());
  const freeinit::TimestepInterval interval{.lowest = request.guidance_interval.from * highest,
                                            .highest = request.guidance_interval.to * highest};
  CallCounts counts;
  auto options = request.free_init;
  if (run.inputs.video_latents.defined() &&
      request.real_video.source == freeinit::VideoNoiseSource::invert) {
    const auto inversion = freeinit::make_inversion(schedule, request.num_inference_steps);
    const auto steps = static_cast<std::int64_t>(inversion->timesteps().size());
    counts[{false, false}] = steps;  // by the prompt alone
    if (options.budget_calls) *options.budget_calls -= steps;
  }
  const auto passes =
      freeinit::plan_passes(options, freeinit::sampler_factory(schedule, request.eta),
                            request.num_inference_steps, request.real_video.strength.value_or(1.0));
  for (const auto& pass : passes) {
    const auto timesteps = pass.sampler->timesteps().subspan(static_cast<std::size_t>(pass.first),
                                                             static_cast<std::size_t>(pass.calls));
    count_pass(timesteps, request, interval, counts);
  }
  std::int64_t all = 0;
  for (const auto& [kind, count] : counts) all += count;
  std::vector<CallKind> kinds;
  for (const auto& [kind, count] : counts) {
    kinds.push_back({.guided = kind.first,
                     .cached = kind.second,
                     .share = static_cast<double>(count) / static_cast<double>(all)});
  }
  return kinds;
}

}  // namespace freeinit_cli
