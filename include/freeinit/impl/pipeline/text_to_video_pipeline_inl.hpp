#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/pipeline/phase_clock_inl.hpp>
#include <freeinit/impl/pipeline/request_check_inl.hpp>
#include <freeinit/models/guided_denoiser.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The two embeddings of a run [1,L,D]; `negative` is undefined without guidance.
struct PromptEmbeddings {
  at::Tensor positive;
  at::Tensor negative;
};

/// One text -> [1,L,D] in the UNet's dtype, on the device. Texts are encoded one at a time: the
/// numbers of a batch of two would differ from diffusers'.
FREEINIT_INLINE at::Tensor encode_text(const ModelBundle& bundle, const std::string& name,
                                       const std::string& text, const RunControl& control) {
  const TokenizedPrompt prompt = bundle.tokenizer.encode(text);
  if (!prompt.truncated_text.empty()) {
    control.message(LogLevel::warning, name + ": longer than " + std::to_string(prompt.ids.size()) +
                                           " tokens; cut off: '" + prompt.truncated_text + "'");
  }
  const at::Tensor ids = at::tensor(prompt.ids, at::kLong).unsqueeze(0);
  return bundle.text_encoder->encode(ids).to(bundle.device, bundle.dtype);
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

/// The noise that video `index` starts from, undefined when it is drawn.
FREEINIT_INLINE at::Tensor initial_noise_of(const GenerationRequest& request, std::int64_t index) {
  const at::Tensor& noise = request.initial_noise;
  if (!noise.defined()) return {};
  return noise.narrow(0, noise.size(0) == 1 ? 0 : index, 1);
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

/// One video of the request, from its own generator.
FREEINIT_INLINE FreeInitResult sample_video(const ModelBundle& bundle, const Scheduler& scheduler,
                                            const Denoiser& denoiser,
                                            const GenerationRequest& request, std::int64_t video,
                                            PhaseClock& clock, const RunControl& control) {
  SamplingOptions sampling;
  sampling.num_inference_steps = request.num_inference_steps;
  sampling.eta = request.eta;
  sampling.initial_noise = initial_noise_of(request, video);
  if (request.on_pass) {
    sampling.on_pass = [&](int pass, const at::Tensor& latents) {
      clock.lap(Phase::denoise);
      request.on_pass(pass, latents);
      clock.skip();
    };
  }
  NoiseSource noise(request.seed + static_cast<std::uint64_t>(video));
  return free_init(denoiser, scheduler, latent_shape(request, bundle.manifest), request.free_init,
                   sampling, noise, bundle.dtype, bundle.device,
                   timed_control(control, clock, video, request.num_videos));
}

/// All videos of the request, without decoding. A stop before the first pass of a later video keeps
/// the videos before it.
FREEINIT_INLINE GenerationResult sample_videos(const ModelBundle& bundle,
                                               const Scheduler& scheduler, const Denoiser& denoiser,
                                               const GenerationRequest& request, PhaseClock& clock,
                                               const RunControl& control) {
  GenerationResult result;
  std::vector<at::Tensor> videos;
  while (std::cmp_less(videos.size(), request.num_videos) && !result.cancelled) {
    try {
      const FreeInitResult run =
          sample_video(bundle, scheduler, denoiser, request,
                       static_cast<std::int64_t>(videos.size()), clock, control);
      videos.push_back(run.latents.to(at::kCPU, at::kFloat));
      clock.lap(Phase::denoise);
      result.unet_calls += run.denoiser_calls;
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
      scheduler_(ddim_config(bundle_.manifest.scheduler)),
      official_scheduler_(ddim_config(bundle_.manifest.scheduler, Profile::official)) {}

FREEINIT_INLINE const DdimScheduler& TextToVideoPipeline::scheduler_for(
    Profile profile) const noexcept {
  return profile == Profile::official ? official_scheduler_ : scheduler_;
}

FREEINIT_INLINE void TextToVideoPipeline::validate(const GenerationRequest& request) const {
  detail::check_request(request, bundle_.manifest);
  // The schedule's own rules (range of steps and eta), for every pass.
  const DdimScheduler& scheduler = scheduler_for(request.free_init.profile);
  (void)scheduler.trajectory(request.num_inference_steps, request.eta);
  for (const auto steps : steps_per_pass(request.free_init, request.num_inference_steps)) {
    (void)scheduler.trajectory(steps, request.eta);
  }
}

FREEINIT_INLINE GenerationResult TextToVideoPipeline::generate(const GenerationRequest& request,
                                                               const RunControl& control) const {
  validate(request);
  detail::PhaseClock clock;
  const auto embeddings = detail::encode_prompts(bundle_, request, control);
  const Denoiser denoiser = guided_denoiser(bundle_.unet, embeddings.positive, embeddings.negative,
                                            request.guidance_scale, request.fps);
  clock.lap(Phase::encode);
  GenerationResult result = detail::sample_videos(bundle_, scheduler_for(request.free_init.profile),
                                                  denoiser, request, clock, control);
  if (request.decode) {
    RunControl decoding = detail::timed_control(control, clock, 0, 1);
    decoding.stop = {};  // after a stop, too, the caller wants to see what is done
    result.frames =
        decode_video(*bundle_.autoencoder, result.latents, request.decode_chunk_size, decoding);
  }
  result.seconds = clock.seconds();
  return result;
}

}  // namespace freeinit::inline FREEINIT_ABI
