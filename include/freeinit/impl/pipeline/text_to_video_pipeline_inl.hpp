#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/library_error_inl.hpp>
#include <freeinit/impl/pipeline/prompt_embeddings_inl.hpp>
#include <freeinit/impl/pipeline/video_run_inl.hpp>
#include <freeinit/networks/tiled_autoencoder.hpp>
#include <freeinit/networks/windowed_unet.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <cmath>
#include <string>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The timesteps of an interval of noise levels.
FREEINIT_INLINE TimestepInterval timesteps_of(const GuidanceInterval& interval,
                                              std::int64_t num_train_timesteps) {
  const auto count = static_cast<double>(num_train_timesteps);
  return {.lowest = interval.from * count, .highest = interval.to * count};
}

/// What a run makes, for the message where that is too much.
FREEINIT_INLINE std::string size_in_words(const GenerationRequest& request) {
  return c10::str("video of ", request.num_frames, " frames of ", request.width, "x",
                  request.height);
}

/// The bundle's network, behind windows where the clip has them.
FREEINIT_INLINE std::shared_ptr<const VideoUNet> unet_of(const GenerationRequest& request,
                                                         const ModelBundle& bundle,
                                                         const NoiseSchedule& schedule) {
  const auto context = context_of(request, bundle.manifest());
  if (!context) return bundle.unet();
  const auto sampler = make_sampler(schedule, request.num_inference_steps, request.eta);
  const auto timesteps = sampler->timesteps();
  return std::make_shared<const WindowedUNet>(
      bundle.unet(), WindowSettings{.options = *context,
                                    .num_frames = request.num_frames,
                                    .timesteps = {timesteps.begin(), timesteps.end()},
                                    .device = bundle.device()});
}

/// A UNet may have limits of its own, which should not be found out in the middle of a run.
FREEINIT_INLINE void check_unet_shape(const GenerationRequest& request, const ModelBundle& bundle,
                                      const VideoUNet& unet) {
  const Manifest& manifest = bundle.manifest();
  LatentShape shape = latent_shape(request, manifest);
  shape.batch = request.guidance_scale > 1.0 ? 2 : 1;
  unet.check_input(shape.sizes(),
                   {shape.batch, manifest.tokenizer.max_length, manifest.unet.context_dim});
}

/// How the UNet is called. The cache, if there is one, is this run's own.
FREEINIT_INLINE GuidanceOptions guidance_of(const GenerationRequest& request,
                                            const NoiseSchedule& schedule) {
  GuidanceOptions options{
      .guidance_scale = request.guidance_scale,
      .fps = request.fps,
      .interval = timesteps_of(request.guidance_interval, schedule.num_train_timesteps())};
  if (request.cache_interval > 1) {
    options.feature_cache = std::make_shared<FeatureCache>(request.cache_interval);
  }
  return options;
}

/// Says so where a pass calls the network more or less often than it has steps: Heun's method,
/// PNDM's, and VideoCrafter's grid do, and video to video.
FREEINIT_INLINE void note_other_calls(const NoiseSchedule& schedule,
                                      const GenerationRequest& request, const RunControl& control) {
  const std::int64_t asked = request.num_inference_steps;
  const PassPlan pass = passes_of(request, {.num_iters = 1}, schedule).front();
  const auto& strength = request.real_video.strength;
  if (!strength && pass.calls == asked) return;
  const double start = pass.sampler->timesteps()[static_cast<std::size_t>(pass.first)];
  const std::string from =
      strength ? c10::str("of strength ", *strength, " starts at timestep ", start, " and ") : "";
  control.message(LogLevel::info,
                  c10::str("a pass of ", asked, " steps ", from, "calls the network ", pass.calls,
                           " times with this sampler and grid"));
}

/// Warns of a video of at least twice or at most half the size or length that the model was made
/// for: it repeats its things there, or falls apart.
FREEINIT_INLINE void note_far_size(const GenerationRequest& request, const Manifest& manifest,
                                   const RunControl& control) {
  const GenerationRequest& own = manifest.recommended;
  const auto is_far = [](std::int64_t a, std::int64_t b) { return a >= 2 * b || b >= 2 * a; };
  if (is_far(request.height, own.height) || is_far(request.width, own.width)) {
    control.message(LogLevel::warning,
                    c10::str("size ", request.width, "x", request.height,
                             ": far from what this model was made for; recommended is ", own.width,
                             "x", own.height));
  }
  if (const auto context = context_of(request, manifest)) {
    control.message(LogLevel::info,
                    c10::str(request.num_frames, " frames in windows of ", *context->length,
                             " that share ", *context->overlap, " with their neighbours"));
  } else if (is_far(request.num_frames, own.num_frames)) {
    control.message(
        LogLevel::warning,
        c10::str("number of frames ", request.num_frames,
                 ": far from what this model was made for; recommended is ", own.num_frames));
  }
}

/// Texts become embeddings, and those the denoisers of the run.
FREEINIT_INLINE void add_denoisers(RunParts& parts) {
  const auto embeddings = encode_prompts(parts.bundle, parts.request, parts.control);
  parts.bundle.text_encoder()->release();
  const auto unet = unet_of(parts.request, parts.bundle, parts.schedule);
  const auto denoiser = [&](const GuidanceOptions& guidance) {
    return guided_denoiser(unet, embeddings.positive, embeddings.negative, guidance);
  };
  const GuidanceOptions guidance = guidance_of(parts.request, parts.schedule);
  parts.feature_cache = guidance.feature_cache;
  parts.denoiser = denoiser(guidance);
  if (inverts_video(parts.request, parts.inputs)) {
    parts.inversion = denoiser({.guidance_scale = 1.0, .fps = parts.request.fps});
  }
}

/// After a stop, too, the caller wants to see what is done.
FREEINIT_INLINE void decode(GeneratedVideo& video, const RunParts& parts) {
  RunControl control = timed_control(parts, video.index);
  control.stop = {};
  const auto autoencoder = with_tiling(parts.bundle.autoencoder(), parts.request.vae_tiling);
  video.frames = decode_video(*autoencoder, video.latents, parts.request.decode_chunk_size, control)
                     .squeeze(0);
  autoencoder->release();
}

/// One video after another. A stop before the first pass of a later video keeps those before it.
FREEINIT_INLINE GenerationResult make_videos(const RunParts& parts) {
  GenerationResult result;
  for (std::int64_t i = 0; i < parts.request.num_videos && !result.cancelled; ++i) {
    GeneratedVideo video;
    try {
      video = sample_video(parts, i);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::cancelled || result.videos.empty()) throw;
      result.cancelled = true;
      break;
    }
    result.cancelled = video.cancelled;
    if (parts.hooks.decode) decode(video, parts);
    if (parts.hooks.on_video) {
      parts.hooks.on_video(video);
      parts.clock.skip();
      video.latents.reset();
      video.frames.reset();
    }
    result.videos.push_back(std::move(video));
  }
  return result;
}

}  // namespace detail

FREEINIT_INLINE SamplerConfig request_config(const SamplerConfig& model,
                                             const GenerationRequest& request) {
  SamplerConfig config = request.sampler ? with_sampler(model, *request.sampler) : model;
  if (request.sigma_spacing) config.sigma_spacing = *request.sigma_spacing;
  return profile_config(std::move(config), request.free_init.profile);
}

FREEINIT_INLINE SamplerConfig profile_config(SamplerConfig config, Profile profile) {
  if (profile == Profile::official) {
    config.timestep_spacing = TimestepSpacing::leading;
    config.steps_offset = 1;
    config.clip_sample = false;
    config.set_alpha_to_one = true;
  }
  return config;
}

FREEINIT_INLINE TextToVideoPipeline::TextToVideoPipeline(ModelBundle bundle)
    : bundle_(std::move(bundle)), schedule_(bundle_.manifest().scheduler) {}

FREEINIT_INLINE NoiseSchedule
TextToVideoPipeline::schedule_for(const GenerationRequest& request) const {
  const SamplerConfig config = request_config(schedule_.config(), request);
  return config == schedule_.config() ? schedule_ : NoiseSchedule(config);
}

FREEINIT_INLINE void check_request(const GenerationRequest& request, const Manifest& manifest,
                                   const GenerationInputs& inputs) {
  request.validate();
  detail::check_context(request, manifest);
  detail::check_video_size(request, manifest);
  detail::check_guidance(request, manifest);
  detail::check_inputs(request, inputs, manifest);
  detail::check_strength(request, inputs);
  if (request.vae_tiling.enabled) check_vae_tiling(request.vae_tiling, manifest.vae);
  // The schedule's own rules (range of steps and eta), for every pass.
  const NoiseSchedule schedule(request_config(manifest.scheduler, request));
  if (detail::inverts_video(request, inputs)) {
    (void)make_inversion(schedule, request.num_inference_steps);
  }
  (void)detail::passes_of(request, detail::options_after_inversion(request, inputs, schedule),
                          schedule);
}

FREEINIT_INLINE std::int64_t planned_calls(const GenerationRequest& request,
                                           const Manifest& manifest,
                                           const GenerationInputs& inputs) {
  const NoiseSchedule schedule(request_config(manifest.scheduler, request));
  std::int64_t calls = 0;
  if (detail::inverts_video(request, inputs)) {
    const auto inversion = make_inversion(schedule, request.num_inference_steps);
    calls += static_cast<std::int64_t>(inversion->timesteps().size());
  }
  const auto options = detail::options_after_inversion(request, inputs, schedule);
  for (const PassPlan& pass : detail::passes_of(request, options, schedule)) calls += pass.calls;
  return request.num_videos * calls;
}

FREEINIT_INLINE void TextToVideoPipeline::validate(const GenerationRequest& request,
                                                   const GenerationInputs& inputs) const {
  check_request(request, bundle_.manifest(), inputs);
  const auto unet = detail::unet_of(request, bundle_, schedule_for(request));
  detail::check_feature_cache(request, *unet);
  detail::check_unet_shape(request, bundle_, *unet);
}

FREEINIT_INLINE GenerationResult TextToVideoPipeline::generate(const GenerationRequest& request,
                                                               const GenerationInputs& inputs,
                                                               const RunControl& control,
                                                               const GenerationHooks& hooks) const {
  return detail::with_library_errors(detail::size_in_words(request), [&] {
    return generate_unguarded(request, inputs, control, hooks);
  });
}

FREEINIT_INLINE GenerationResult TextToVideoPipeline::generate_unguarded(
    const GenerationRequest& request, const GenerationInputs& inputs, const RunControl& control,
    const GenerationHooks& hooks) const {
  validate(request, inputs);
  const NoiseSchedule schedule = schedule_for(request);
  detail::note_other_calls(schedule, request, control);
  detail::note_far_size(request, bundle_.manifest(), control);
  detail::PhaseClock clock;
  Progress sampled;
  detail::RunParts parts{
      .request = request,
      .inputs = inputs,
      .bundle = bundle_,
      .schedule = schedule,
      .control = control,
      .hooks = hooks,
      .clock = clock,
      .sampled = sampled,
      .options = detail::options_after_inversion(request, inputs, schedule),
      .reinitializers = detail::reinitializers_of(request, inputs.filter_mask, bundle_)};
  detail::add_denoisers(parts);
  clock.lap(Phase::encode);
  GenerationResult result = detail::make_videos(parts);
  result.seconds = clock.seconds();
  return result;
}

}  // namespace freeinit::inline FREEINIT_ABI
