#include "generate/call_kinds.hpp"

#include "generate/prepared_run.hpp"

#include <freeinit/networks/feature_cache.hpp>
#include <freeinit/networks/guidance.hpp>
#include <freeinit/networks/video_unet.hpp>
#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/inversion.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/ops/zeros.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace freeinit_cli {
namespace {

/// By whether calls are guided and cached.
using CallCounts = std::map<std::pair<bool, bool>, std::int64_t>;

/// A network that counts how it is called and computes nothing.
class CountingUNet final : public freeinit::VideoUNet {
 public:
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    return counted(input, /*cached=*/false);
  }
  bool can_reuse_features() const noexcept override { return true; }
  freeinit::DeepPrediction predict_deep(const freeinit::UNetInput& input) const override {
    return {counted(input, /*cached=*/false), input.latents};
  }
  at::Tensor predict_shallow(const freeinit::UNetInput& input, const at::Tensor&) const override {
    return counted(input, /*cached=*/true);
  }

  [[nodiscard]] const CallCounts& counts() const noexcept { return counts_; }

 private:
  [[nodiscard]] at::Tensor counted(const freeinit::UNetInput& input, bool cached) const {
    ++counts_[{input.latents.size(0) == 2, cached}];
    return input.latents;
  }

  mutable CallCounts counts_;
};

/// The calls of the passes, as the run's own guidance and cache make them.
CallCounts count_calls(const std::vector<freeinit::PassPlan>& passes,
                       const freeinit::GenerationRequest& request,
                       const freeinit::TimestepInterval& interval) {
  const auto unet = std::make_shared<CountingUNet>();
  const auto cache = std::make_shared<freeinit::FeatureCache>(request.cache_interval);
  const at::Tensor text = at::zeros({1, 1, 1});
  const auto denoiser = freeinit::guided_denoiser(
      unet, text, text,
      {.guidance_scale = request.guidance_scale, .interval = interval, .feature_cache = cache});
  const at::Tensor latents = at::zeros({1, 1, 1, 1, 1});
  for (const auto& pass : passes) {
    cache->start_pass();
    const auto timesteps = pass.sampler->timesteps().subspan(static_cast<std::size_t>(pass.first),
                                                             static_cast<std::size_t>(pass.calls));
    for (const double timestep : timesteps) (void)denoiser(latents, timestep);
  }
  return unet->counts();
}

}  // namespace

std::vector<CallKind> call_kinds(const PreparedRun& run) {
  const auto& request = run.request;
  const freeinit::NoiseSchedule schedule(freeinit::request_config(run.manifest.scheduler, request));
  const auto highest = static_cast<double>(schedule.num_train_timesteps());
  const freeinit::TimestepInterval interval{.lowest = request.guidance_interval.from * highest,
                                            .highest = request.guidance_interval.to * highest};
  std::int64_t inversion_calls = 0;
  auto options = request.free_init;
  if (run.inputs.video_latents.defined() &&
      request.real_video.source == freeinit::VideoNoiseSource::invert) {
    const auto inversion = freeinit::make_inversion(schedule, request.num_inference_steps);
    inversion_calls = static_cast<std::int64_t>(inversion->timesteps().size());
    if (options.budget_calls) *options.budget_calls -= inversion_calls;
  }
  const auto passes =
      freeinit::plan_passes(options, freeinit::sampler_factory(schedule, request.eta),
                            request.num_inference_steps, request.real_video.strength.value_or(1.0));
  CallCounts counts = count_calls(passes, request, interval);
  if (inversion_calls > 0) counts[{false, false}] += inversion_calls;  // by the prompt alone
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
