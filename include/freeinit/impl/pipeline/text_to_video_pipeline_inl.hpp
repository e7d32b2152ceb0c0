#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/library_error_inl.hpp>
#include <freeinit/impl/pipeline/phase_clock_inl.hpp>
#include <freeinit/impl/pipeline/request_check_inl.hpp>
#include <freeinit/impl/pipeline/video_init_inl.hpp>
#include <freeinit/networks/dtype.hpp>
#include <freeinit/networks/guidance.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Latents, noise and schedule are float32 whatever the networks compute in; those cast at their
/// boundary. Half precision would lose the small steps at the end of a schedule.
inline constexpr at::ScalarType kLatentDtype = at::kFloat;

/// The two embeddings of a run [1,L,D]; `negative` is undefined without guidance.
struct PromptEmbeddings {
  at::Tensor positive;
  at::Tensor negative;
};

/// One text -> [1,L,D] in the UNet's dtype, on the device. Texts are encoded one at a time: the
/// numbers of a batch of two would differ from diffusers'.
FREEINIT_INLINE at::Tensor encode_text(const ModelBundle& bundle, const std::string& name,
                                       const std::string& text, const RunControl& control) {
  const TokenizedPrompt prompt = bundle.tokenizer().encode(text);
  if (!prompt.truncated_text.empty()) {
    control.message(LogLevel::warning, name + ": longer than " + std::to_string(prompt.ids.size()) +
                                           " tokens; cut off: '" + prompt.truncated_text + "'");
  }
  const at::Tensor ids = at::tensor(prompt.ids, at::kLong).unsqueeze(0);
  return bundle.text_encoder()->encode(ids).to(bundle.device(), bundle.dtype());
}

FREEINIT_INLINE PromptEmbeddings encode_prompts(const ModelBundle& bundle,
                                                const GenerationRequest& request,
                                                const RunControl& control) {
  const bool guided = request.guidance_scale > 1.0;
  const int num_texts = guided && request.negative_prompt != request.prompt ? 2 : 1;
  PromptEmbeddings embeddings;
  embeddings.positive = encode_text(bundle, "prompt", request.prompt, control);
  control.report({.phase = Phase::encode, .step = 1, .num_steps = num_texts});
  if (!guided) return embeddings;
  embeddings.negative = embeddings.positive;
  if (num_texts == 2) {
    embeddings.negative = encode_text(bundle, "negative prompt", request.negative_prompt, control);
    control.report({.phase = Phase::encode, .step = 2, .num_steps = 2});
  }
  return embeddings;
}

/// The timesteps of an interval of noise levels.
FREEINIT_INLINE TimestepInterval timesteps_of(const GuidanceInterval& interval,
                                              std::int64_t num_train_timesteps) {
  const auto count = static_cast<double>(num_train_timesteps);
  return {.lowest = interval.from * count, .highest = interval.to * count};
}

FREEINIT_INLINE bool inverts_video(const GenerationRequest& request) {
  return request.video_init.latents.defined() &&
         request.video_init.source == VideoNoiseSource::invert;
}

/// What a run makes, for the message where that is too much.
FREEINIT_INLINE std::string size_in_words(const GenerationRequest& request) {
  return c10::str("video of ", request.num_frames, " frames of ", request.width, "x",
                  request.height);
}

/// A UNet may have limits of its own, which should not be found out in the middle of a run.
FREEINIT_INLINE void check_unet_input_of(const GenerationRequest& request,
                                         const ModelBundle& bundle) {
  const Manifest& manifest = bundle.manifest();
  LatentShape shape = latent_shape(request, manifest);
  shape.batch = request.guidance_scale > 1.0 ? 2 : 1;
  bundle.unet()->check_input(
      shape.sizes(), {shape.batch, manifest.tokenizer.max_length, manifest.unet.context_dim});
}

/// How the UNet is called. The cache, if there is one, is this run's own.
FREEINIT_INLINE GuidanceOptions guidance_of(const GenerationRequest& request,
                                            const Scheduler& scheduler) {
  GuidanceOptions options{
      .guidance_scale = request.guidance_scale,
      .fps = request.fps,
      .interval = timesteps_of(request.guidance_interval, scheduler.num_train_timesteps())};
  if (request.cache_interval > 1) {
    options.feature_cache = std::make_shared<FeatureCache>(request.cache_interval);
  }
  return options;
}

/// Says so where the schedule's grid has more steps than were asked for.
FREEINIT_INLINE void note_other_steps(const Scheduler& scheduler, const GenerationRequest& request,
                                      const RunControl& control) {
  const std::int64_t asked = request.num_inference_steps;
  const auto steps = scheduler.trajectory(asked, request.eta)->timesteps().size();
  if (std::cmp_equal(steps, asked)) return;
  control.message(LogLevel::info, "a pass of " + std::to_string(asked) + " steps has " +
                                      std::to_string(steps) + " on this model's grid of timesteps");
}

/// The noise that video `index` starts from, undefined when it is drawn.
FREEINIT_INLINE at::Tensor initial_noise_of(const GenerationRequest& request, std::int64_t index) {
  const at::Tensor& noise = request.initial_noise;
  if (!noise.defined()) return {};
  return noise.narrow(0, noise.size(0) == 1 ? 0 : index, 1);
}

FREEINIT_INLINE VideoNoiseOptions video_noise_options(const GenerationRequest& request,
                                                      const ModelBundle& bundle) {
  VideoNoiseOptions options;
  options.source = request.video_init.source;
  options.num_inference_steps = request.num_inference_steps;
  if (!request.video_init.low_band) return options;
  const FreeInitOptions& free_init = request.free_init;
  if (free_init.filter_mask.defined()) {
    options.low_band.emplace(free_init.filter_mask, bundle.device(), free_init.mix);
  } else {
    const LatentShape shape = latent_shape(request, bundle.manifest());
    const FrequencyFilterOptions& filter =
        free_init.filter_schedule.empty() ? free_init.filter : free_init.filter_schedule.front();
    options.low_band.emplace(filter, shape.frames, shape.height, shape.width, bundle.device(),
                             free_init.mix);
  }
  return options;
}

/// The caller's control with the clock in front: progress books time on phases and says which video
/// it is. Pointers stay valid for one run.
FREEINIT_INLINE RunControl timed_control(const RunControl& control, PhaseClock& clock,
                                         std::int64_t video, std::int64_t num_videos) {
  RunControl timed = control;
  timed.progress = [&control, &clock, video, num_videos](const Progress& progress) {
    clock.lap(progress.phase);
    Progress numbered = progress;
    numbered.video = static_cast<int>(video);
    numbered.num_videos = static_cast<int>(num_videos);
    control.report(numbered);
    clock.skip();
  };
  return timed;
}

/// What the videos of a run share.
struct RunParts {
  const ModelBundle& bundle;
  const DdimScheduler& scheduler;
  Denoiser denoiser;
  std::shared_ptr<FeatureCache> feature_cache;  ///< the denoiser's, if it has one
  Denoiser inversion;  ///< the prompt without guidance; empty when no video is inverted
};

/// The noise of the request's real video for one video, undefined without one. Counts its calls.
FREEINIT_INLINE at::Tensor noise_of_real_video(const RunParts& parts,
                                               const GenerationRequest& request, std::int64_t video,
                                               NoiseSource& noise, std::int64_t& calls,
                                               const RunControl& control) {
  const at::Tensor& latents = request.video_init.latents;
  if (!latents.defined()) return {};
  const Denoiser counted = [&](const at::Tensor& sample, double timestep) {
    ++calls;
    return parts.inversion(sample, timestep);
  };
  return initial_noise_from_video(latents.narrow(0, latents.size(0) == 1 ? 0 : video, 1)
                                      .to(parts.bundle.device(), kLatentDtype),
                                  parts.scheduler, video_noise_options(request, parts.bundle),
                                  noise, counted, control);
}

/// `callback` with its time left out of the clock's phases.
template <class Callback>
Callback untimed(const Callback& callback, PhaseClock& clock, Phase running) {
  if (!callback) return {};
  return [&callback, &clock, running](int pass, const at::Tensor& tensor) {
    clock.lap(running);
    callback(pass, tensor);
    clock.skip();
  };
}

/// What happens after each pass: its deep features are forgotten, and the caller hears of it.
FREEINIT_INLINE std::function<void(int, const at::Tensor&)> after_pass(
    const RunParts& parts, const GenerationRequest& request, PhaseClock& clock) {
  auto callback = untimed(request.on_pass, clock, Phase::denoise);
  if (!parts.feature_cache) return callback;
  return [callback, cache = parts.feature_cache](int pass, const at::Tensor& latents) {
    cache->start_pass();
    if (callback) callback(pass, latents);
  };
}

/// What is left of a budget after the `calls` that were made since `start`.
FREEINIT_INLINE SamplingBudget rest_of(SamplingBudget budget, std::int64_t calls, double start) {
  if (budget.calls) *budget.calls -= calls;
  if (budget.seconds) {
    const double left = *budget.seconds - (budget.now() - start);
    budget.seconds = std::max(left, std::numeric_limits<double>::min());  // used up
  }
  return budget;
}

/// One video of the request, from its own generator.
FREEINIT_INLINE FreeInitResult sample_video(const RunParts& parts, const GenerationRequest& request,
                                            std::int64_t video, PhaseClock& clock,
                                            const RunControl& control) {
  const RunControl timed = timed_control(control, clock, video, request.num_videos);
  NoiseSource noise(request.seed + static_cast<std::uint64_t>(video));
  std::int64_t inversion_calls = 0;
  const double start = request.free_init.budget.seconds ? request.free_init.budget.now() : 0.0;
  SamplingOptions sampling;
  sampling.num_inference_steps = request.num_inference_steps;
  sampling.eta = request.eta;
  sampling.initial_noise =
      request.video_init.latents.defined()
          ? noise_of_real_video(parts, request, video, noise, inversion_calls, timed)
          : initial_noise_of(request, video);
  sampling.on_pass = after_pass(parts, request, clock);
  sampling.on_noise = untimed(request.on_noise, clock, Phase::reinit);
  FreeInitOptions options = request.free_init;
  options.budget = rest_of(options.budget, inversion_calls, start);
  FreeInitResult result =
      free_init(parts.denoiser, parts.scheduler, latent_shape(request, parts.bundle.manifest()),
                options, sampling, noise, kLatentDtype, parts.bundle.device(), timed);
  result.denoiser_calls += inversion_calls;
  return result;
}

/// Half precision that overflows, or broken weights, would otherwise end as a black video.
FREEINIT_INLINE void check_finite(const at::Tensor& latents, const ModelBundle& bundle) {
  if (at::isfinite(latents).all().item<bool>()) return;
  raise(ErrorCode::model,
        c10::str("sampling: the latents hold NaN or infinite values after networks in ",
                 dtype_to_string(bundle.dtype()), "; expected finite numbers"));
}

/// All videos of the request, without decoding. A stop before the first pass of a later video keeps
/// the videos before it.
FREEINIT_INLINE GenerationResult sample_videos(const RunParts& parts,
                                               const GenerationRequest& request, PhaseClock& clock,
                                               const RunControl& control) {
  GenerationResult result;
  std::vector<at::Tensor> videos;
  while (std::cmp_less(videos.size(), request.num_videos) && !result.cancelled) {
    try {
      const FreeInitResult run =
          sample_video(parts, request, static_cast<std::int64_t>(videos.size()), clock, control);
      videos.push_back(run.latents.to(at::kCPU, at::kFloat));
      check_finite(videos.back(), parts.bundle);
      clock.lap(Phase::denoise);
      result.unet_calls += run.denoiser_calls;
      result.unet_calls_saved += run.calls_saved;
      result.calls_per_pass.push_back(run.calls_per_pass);
      result.converged = run.converged && (result.converged || videos.size() == 1);
      result.completed_passes = run.completed_passes;
      result.cancelled = run.cancelled;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::cancelled || videos.empty()) throw;
      result.cancelled = true;
    }
  }
  result.latents = at::cat(videos);
  return result;
}

}  // namespace detail

FREEINIT_INLINE GenerationRequest GenerationRequest::from_manifest(const Manifest& manifest) {
  const RecommendedSettings& settings = manifest.recommended;
  GenerationRequest request;
  request.negative_prompt = settings.negative_prompt;
  request.num_frames = settings.num_frames;
  request.height = settings.height;
  request.width = settings.width;
  request.fps = settings.fps;
  request.num_inference_steps = settings.num_inference_steps;
  request.guidance_scale = settings.guidance_scale;
  request.eta = settings.eta;
  request.free_init.num_iters = settings.num_iters;
  request.free_init.filter = {.method = filter_method_from_string(settings.filter_method),
                              .order = settings.filter_order,
                              .spatial_stop_frequency = settings.spatial_stop_frequency,
                              .temporal_stop_frequency = settings.temporal_stop_frequency};
  return request;
}

FREEINIT_INLINE DdimConfig ddim_config(const SchedulerSpec& spec, Profile profile) {
  DdimConfig config{
      .num_train_timesteps = spec.num_train_timesteps,
      .beta_start = spec.beta_start,
      .beta_end = spec.beta_end,
      .beta_schedule = beta_schedule_from_string(spec.beta_schedule),
      .trained_betas = spec.trained_betas,
      .clip_sample = spec.clip_sample,
      .clip_sample_range = spec.clip_sample_range,
      .set_alpha_to_one = spec.set_alpha_to_one,
      .steps_offset = spec.steps_offset,
      .prediction_type = prediction_type_from_string(spec.prediction_type),
      .thresholding = spec.thresholding,
      .dynamic_thresholding_ratio = spec.dynamic_thresholding_ratio,
      .sample_max_value = spec.sample_max_value,
      .timestep_spacing = timestep_spacing_from_string(spec.timestep_spacing),
      .rescale_betas_zero_snr = spec.rescale_betas_zero_snr,
      .dynamic_rescale = spec.dynamic_rescale,
      .always_draw_noise = spec.always_draw_noise,
  };
  if (profile == Profile::official) {
    config.timestep_spacing = TimestepSpacing::leading;
    config.steps_offset = 1;
    config.clip_sample = false;
    config.set_alpha_to_one = true;
  }
  config.validate();
  return config;
}

FREEINIT_INLINE TextToVideoPipeline::TextToVideoPipeline(ModelBundle bundle)
    : bundle_(std::move(bundle)),
      scheduler_(ddim_config(bundle_.manifest().scheduler)),
      official_scheduler_(ddim_config(bundle_.manifest().scheduler, Profile::official)) {}

FREEINIT_INLINE const DdimScheduler& TextToVideoPipeline::scheduler_for(
    Profile profile) const noexcept {
  return profile == Profile::official ? official_scheduler_ : scheduler_;
}

FREEINIT_INLINE void check_request(const GenerationRequest& request, const Manifest& manifest) {
  detail::check_settings(request, manifest);
  // The schedule's own rules (range of steps and eta), for every pass.
  const DdimScheduler scheduler(ddim_config(manifest.scheduler, request.free_init.profile));
  (void)scheduler.trajectory(request.num_inference_steps, request.eta);
  if (detail::inverts_video(request)) {
    (void)inversion_trajectory(scheduler, request.num_inference_steps);
  }
  (void)max_calls_per_pass(request.free_init, scheduler, request.num_inference_steps);
}

FREEINIT_INLINE void TextToVideoPipeline::validate(const GenerationRequest& request) const {
  check_request(request, bundle_.manifest());
  detail::check_feature_cache(request, *bundle_.unet());
  detail::check_unet_input_of(request, bundle_);
}

FREEINIT_INLINE GenerationResult TextToVideoPipeline::generate(const GenerationRequest& request,
                                                               const RunControl& control) const {
  return detail::with_library_errors(detail::size_in_words(request),
                                     [&] { return generate_unguarded(request, control); });
}

FREEINIT_INLINE GenerationResult TextToVideoPipeline::generate_unguarded(
    const GenerationRequest& request, const RunControl& control) const {
  validate(request);
  detail::note_other_steps(scheduler_for(request.free_init.profile), request, control);
  detail::PhaseClock clock;
  const auto embeddings = detail::encode_prompts(bundle_, request, control);
  bundle_.text_encoder()->release();
  const auto denoiser = [&](const GuidanceOptions& guidance) {
    return guided_denoiser(bundle_.unet(), embeddings.positive, embeddings.negative, guidance);
  };
  const DdimScheduler& scheduler = scheduler_for(request.free_init.profile);
  const GuidanceOptions guidance = detail::guidance_of(request, scheduler);
  const GuidanceOptions unguided{.guidance_scale = 1.0, .fps = request.fps};
  const detail::RunParts parts{
      .bundle = bundle_,
      .scheduler = scheduler,
      .denoiser = denoiser(guidance),
      .feature_cache = guidance.feature_cache,
      .inversion = detail::inverts_video(request) ? denoiser(unguided) : Denoiser{}};
  clock.lap(Phase::encode);
  GenerationResult result = detail::sample_videos(parts, request, clock, control);
  if (request.decode) {
    RunControl decoding = detail::timed_control(control, clock, 0, 1);
    decoding.stop = {};  // after a stop, too, the caller wants to see what is done
    result.frames =
        decode_video(*bundle_.autoencoder(), result.latents, request.decode_chunk_size, decoding);
    bundle_.autoencoder()->release();
  }
  result.seconds = clock.seconds();
  return result;
}

}  // namespace freeinit::inline FREEINIT_ABI
