#pragma once

// One video of a request, from its seed to its latents.

#include <freeinit/core/error.hpp>
#include <freeinit/impl/pipeline/phase_clock_inl.hpp>
#include <freeinit/impl/pipeline/request_check_inl.hpp>
#include <freeinit/networks/guidance.hpp>
#include <freeinit/passes/free_init.hpp>
#include <freeinit/passes/real_video_noise.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <c10/util/StringUtil.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Latents, noise and schedule are float32 whatever the networks compute in; those cast at their
/// boundary. Half precision would lose the small steps at the end of a schedule.
inline constexpr at::ScalarType kLatentDtype = at::kFloat;

/// What the videos of a run share.
struct RunParts {
  const GenerationRequest& request;
  const GenerationInputs& inputs;
  const ModelBundle& bundle;
  const NoiseSchedule& schedule;
  const RunControl& control;
  const GenerationHooks& hooks;
  PhaseClock& clock;
  Progress& sampled;        ///< the last that a network call reported
  FreeInitOptions options;  ///< the request's, with what an inversion leaves of its budget
  std::vector<NoiseReinitializer> reinitializers{};
  Denoiser denoiser{};
  std::shared_ptr<FeatureCache> feature_cache{};  ///< the denoiser's, if it has one
  Denoiser inversion{};  ///< the prompt without guidance; empty when no video is inverted
};

/// The caller's control with the clock in front: progress books time on phases and says which video
/// it is; decoding calls no network and keeps the counts that sampling ended with. Pointers stay
/// valid for one run.
FREEINIT_INLINE RunControl timed_control(const RunParts& parts, std::int64_t video) {
  RunControl timed = parts.control;
  timed.progress = [&parts, video](const Progress& progress) {
    parts.clock.lap(progress.phase);
    if (progress.planned_calls > 0) parts.sampled = progress;
    Progress numbered = progress.phase == Phase::decode ? parts.sampled : progress;
    numbered.phase = progress.phase;
    numbered.step = progress.step;
    numbered.num_steps = progress.num_steps;
    numbered.video = static_cast<int>(video);
    numbered.num_videos = static_cast<int>(parts.request.num_videos);
    parts.control.report(numbered);
    parts.clock.skip();
  };
  return timed;
}

/// Row `index` of a tensor with one row for each video, or one for all; undefined if it is.
FREEINIT_INLINE at::Tensor of_video(const at::Tensor& tensor, std::int64_t index) {
  if (!tensor.defined()) return {};
  return tensor.narrow(0, tensor.size(0) == 1 ? 0 : index, 1);
}

/// The filters of the run on its device; a mask of the caller's replaces them all.
FREEINIT_INLINE std::vector<NoiseReinitializer> reinitializers_of(const GenerationRequest& request,
                                                                  const at::Tensor& mask,
                                                                  const ModelBundle& bundle) {
  const NoiseMixOptions& mix = request.free_init.mix;
  std::vector<NoiseReinitializer> made;
  if (mask.defined()) {
    made.emplace_back(mask, bundle.device(), mix);
    return made;
  }
  const LatentShape shape = latent_shape(request, bundle.manifest());
  for (const FrequencyFilterOptions& filter : request.free_init.filters) {
    made.emplace_back(filter, shape.frames, shape.height, shape.width, bundle.device(), mix);
  }
  return made;
}

/// The noise of the real video `clip`. Counts its calls.
FREEINIT_INLINE at::Tensor noise_of_real_video(const RunParts& parts, const at::Tensor& clip,
                                               NoiseSource& noise, std::int64_t& calls,
                                               const RunControl& control) {
  RealVideoSettings settings{.source = parts.request.real_video.source,
                             .num_inference_steps = parts.request.num_inference_steps,
                             .denoiser = [&](const at::Tensor& sample, double timestep) {
                               ++calls;
                               return parts.inversion(sample, timestep);
                             }};
  if (parts.request.real_video.low_band) settings.low_band = parts.reinitializers.front();
  return initial_noise_from_video(clip.to(parts.bundle.device(), kLatentDtype), parts.schedule,
                                  settings, noise, control);
}

/// `hook` for one video, with its time left out of the clock's phases.
FREEINIT_INLINE RunHooks::Hook hook_of_video(const RunHooks::Hook& hook, std::int64_t video,
                                             PhaseClock& clock, Phase running) {
  if (!hook) return {};
  return [&hook, &clock, video, running](RunPoint point, const at::Tensor& tensor) {
    clock.lap(running);
    point.video = video;
    hook(point, tensor);
    clock.skip();
  };
}

/// The caller's hooks for one video.
FREEINIT_INLINE RunHooks hooks_of_video(const RunParts& parts, std::int64_t video) {
  return {
      .on_noise = hook_of_video(parts.hooks.on_noise, video, parts.clock, Phase::reinit),
      .on_pass = hook_of_video(parts.hooks.on_pass, video, parts.clock, Phase::denoise),
      .on_prediction = hook_of_video(parts.hooks.on_prediction, video, parts.clock, Phase::denoise),
      .prediction_every = parts.hooks.prediction_every};
}

/// Hands on where the run stands, unless that is in the middle of reused features. What holds NaN
/// or infinity would go over a state that can go on. Throws Error: model.
FREEINIT_INLINE void keep(const RunParts& parts, const FreeInit& run, const VideoState& state) {
  if (!parts.hooks.on_checkpoint) return;
  if (parts.feature_cache && !parts.feature_cache->is_fresh()) return;
  run.check_values(state.run);
  parts.clock.lap(Phase::denoise);
  parts.hooks.on_checkpoint(state);
  parts.clock.skip();
}

/// The loop of one video, from where it stands. Deep features are forgotten after each pass.
FREEINIT_INLINE void run_passes(const RunParts& parts, const FreeInit& run, VideoState& state,
                                const RunControl& control) {
  std::int64_t kept = state.run.calls;
  const auto keep_now = [&] {
    state.done = run.is_done(state.run);
    keep(parts, run, state);
    kept = state.run.calls;
  };
  // A stop still writes the last complete pass, whatever became of the one behind it.
  const auto keep_stopped = [&] {
    try {
      keep_now();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::model) throw;
      control.message(LogLevel::warning, c10::str(error.what(), "; the run is not kept there"));
    }
  };
  RunHooks hooks = hooks_of_video(parts, state.video);
  hooks.on_pass = [&, on_pass = hooks.on_pass](const RunPoint& point, const at::Tensor& latents) {
    if (parts.feature_cache) parts.feature_cache->start_pass();
    keep_now();
    if (on_pass) on_pass(point, latents);
  };
  const std::int64_t every = parts.hooks.checkpoint_every;
  while (!run.is_done(state.run) && !control.stop.stop_requested()) {
    run.advance(state.run, parts.denoiser, control, hooks);
    const bool fresh = !parts.feature_cache || parts.feature_cache->is_fresh();
    if (every > 0 && state.run.calls - kept >= every && fresh) keep_now();
  }
  if (state.run.calls != kept) keep_stopped();  // within a pass
}

/// Where the caller says that the video stands.
FREEINIT_INLINE std::optional<VideoState> resumed_state(const RunParts& parts, std::int64_t index) {
  if (!parts.hooks.resume) return std::nullopt;
  std::optional<VideoState> state = parts.hooks.resume(index);
  if (!state || state->video == index) return state;
  raise(ErrorCode::invalid_argument,
        c10::str("state of video '", state->video, "': expected that of video ", index));
}

/// One video of the request, from its own generator or from where it stands, not decoded.
FREEINIT_INLINE GeneratedVideo sample_video(const RunParts& parts, std::int64_t index) {
  const RunControl control = timed_control(parts, index);
  NoiseSource noise(parts.request.seed + static_cast<std::uint64_t>(index));
  if (const auto context = context_of(parts.request, parts.bundle.manifest())) {
    noise.schedule_frames(*context);
  }
  std::optional<VideoState> resumed = resumed_state(parts, index);
  std::int64_t inversion_calls = 0;
  FreeInitSettings settings{.shape = latent_shape(parts.request, parts.bundle.manifest()),
                            .options = parts.options,
                            .num_inference_steps = parts.request.num_inference_steps,
                            .eta = parts.request.eta,
                            .dtype = kLatentDtype,
                            .device = parts.bundle.device(),
                            .reinitializers = parts.reinitializers,
                            .check_steps = parts.hooks.check_steps};
  const at::Tensor clip = of_video(parts.inputs.video_latents, index);
  if (const auto strength = parts.request.real_video.strength) {
    settings.initial_sample = clip;
    settings.strength = *strength;
  } else if (clip.defined() && !resumed) {
    settings.initial_noise = noise_of_real_video(parts, clip, noise, inversion_calls, control);
  } else {
    settings.initial_noise = of_video(parts.inputs.initial_noise, index);
  }
  const FreeInit run(parts.schedule, settings);
  if (resumed) run.check_state(resumed->run);
  VideoState state = resumed ? std::move(*resumed)
                             : VideoState{.video = index,
                                          .run = run.begin(std::move(noise)),
                                          .inversion_calls = inversion_calls};
  if (inversion_calls > 0) keep(parts, run, state);
  run_passes(parts, run, state, control);
  const FreeInitResult result = run.result(state.run);
  GeneratedVideo video{.index = index,
                       .latents = result.latents.to(at::kCPU, at::kFloat),
                       .completed_passes = result.completed_passes,
                       .cancelled = result.cancelled,
                       .unet_calls = result.denoiser_calls + state.inversion_calls,
                       .unet_calls_saved = result.calls_saved,
                       .calls_per_pass = result.calls_per_pass};
  parts.clock.lap(Phase::denoise);
  return video;
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
