#pragma once

// What check_request and TextToVideoPipeline::validate refuse, one function an idea.

#include <freeinit/core/error.hpp>
#include <freeinit/core/shapes.hpp>
#include <freeinit/impl/networks/nearest_multiples_inl.hpp>
#include <freeinit/noise/noise_reinitializer.hpp>
#include <freeinit/passes/free_init.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>
#include <freeinit/sampling/inversion.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/isfinite.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// The latents of one video of the request.
FREEINIT_INLINE LatentShape latent_shape(const GenerationRequest& request,
                                         const Manifest& manifest) {
  return {.batch = 1,
          .channels = manifest.unet.in_channels,
          .frames = request.num_frames,
          .height = request.height / manifest.vae.spatial_scale,
          .width = request.width / manifest.vae.spatial_scale};
}

FREEINIT_INLINE void check_pixel_size(const char* name, std::int64_t value, std::int64_t multiple) {
  if (value >= 1 && value % multiple == 0) return;
  raise(ErrorCode::invalid_argument,
        c10::str(name, " '", value, "': this model needs a multiple of ", multiple, "; use ",
                 nearest_multiples(value, multiple)));
}

/// The windows of the clip, with a length and an overlap; nothing for a clip that the network sees
/// at once. Without a length of the request, clips longer than the model's longest take windows of
/// the number of frames that it recommends.
FREEINIT_INLINE std::optional<ContextOptions> context_of(const GenerationRequest& request,
                                                         const Manifest& manifest) {
  const std::int64_t longest = manifest.unet.max_frames.value_or(request.num_frames);
  ContextOptions context = request.context;
  if (!context.length && request.num_frames > longest) {
    context.length = std::min(manifest.recommended.num_frames, longest);
  }
  if (!context.length || request.num_frames <= *context.length) return std::nullopt;
  if (!context.overlap) context.overlap = *context.length / 4;
  return context;
}

/// Windows that the model does, and nothing that only a clip of several windows has.
FREEINIT_INLINE void check_context(const GenerationRequest& request, const Manifest& manifest) {
  const auto refuse = [](const std::string& message) {
    raise(ErrorCode::invalid_argument, message);
  };
  const auto& max_frames = manifest.unet.max_frames;
  const auto& length = request.context.length;
  if (max_frames && length && *length > *max_frames) {
    refuse(c10::str("context length '", *length, "': this model does 1 to ", *max_frames));
  }
  const auto context = context_of(request, manifest);
  if (context) {
    context->validate();
    if (request.cache_interval > 1 && context->schedule == ContextSchedule::uniform) {
      refuse(c10::str("cache interval '", request.cache_interval,
                      "': windows that move have no features of the step before; expected the "
                      "static context schedule with it"));
    }
    return;
  }
  const std::string one_window =
      c10::str(": a clip of ", request.num_frames,
               " frames is one window here; expected more frames or a smaller context length");
  if (request.context.closed_loop) refuse("closed loop" + one_window);
  if (!request.prompt_at.empty()) refuse("prompt at further frames" + one_window);
}

FREEINIT_INLINE void check_video_size(const GenerationRequest& request, const Manifest& manifest) {
  const std::int64_t multiple = manifest.vae.spatial_scale * manifest.unet.latent_multiple_of;
  check_pixel_size("height", request.height, multiple);
  check_pixel_size("width", request.width, multiple);
}

/// Distilled models have their guidance inside, or were trained to do without.
FREEINIT_INLINE void check_guidance(const GenerationRequest& request, const Manifest& manifest) {
  const auto& most = manifest.unet.max_guidance_scale;
  if (!most || request.guidance_scale <= *most) return;
  raise(ErrorCode::invalid_argument,
        c10::str("guidance scale '", request.guidance_scale,
                 "': this model was distilled to run without; expected at most ", *most));
}

/// Refuses a tensor that is not the latents of one video, or of each video of the request, and on
/// the CPU one that holds NaN or infinity.
FREEINIT_INLINE void check_start(const char* name, const at::Tensor& tensor,
                                 const GenerationRequest& request, const Manifest& manifest) {
  if (!tensor.defined()) return;
  LatentShape shape = latent_shape(request, manifest);
  if (tensor.dim() == 5 && tensor.size(0) == request.num_videos) shape.batch = request.num_videos;
  if (tensor.sizes() != at::IntArrayRef(shape.sizes())) {
    shape.batch = request.num_videos;
    raise(ErrorCode::invalid_argument,
          c10::str(name, " '", tensor.sizes(), "': expected ", at::IntArrayRef(shape.sizes())));
  }
  if (!tensor.is_floating_point()) {
    raise(ErrorCode::invalid_argument, c10::str(name, " of '", c10::toString(tensor.scalar_type()),
                                                "': expected floating point numbers"));
  }
  // As the run sees them; a device is not waited for.
  if (tensor.is_cpu() && !at::isfinite(tensor.to(at::kFloat)).all().item<bool>()) {
    raise(ErrorCode::invalid_argument,
          c10::str(name, ": NaN or infinite values in it; expected finite ones"));
  }
}

FREEINIT_INLINE void check_feature_cache(const GenerationRequest& request, const VideoUNet& unet) {
  if (request.cache_interval == 1 || unet.can_reuse_features()) return;
  raise(ErrorCode::unsupported,
        c10::str("cache interval '", request.cache_interval,
                 "': this network was not split for it; expected 1, or a TorchScript bundle whose "
                 "manifest says feature_cache"));
}

/// Video to video needs a video, and starts from the whole of it.
FREEINIT_INLINE void check_strength(const GenerationRequest& request,
                                    const GenerationInputs& inputs) {
  const RealVideoOptions& video = request.real_video;
  if (!video.strength) return;
  const auto refuse = [&](const char* why) {
    raise(ErrorCode::invalid_argument, c10::str("strength '", *video.strength, "': ", why));
  };
  if (!inputs.video_latents.defined()) refuse("needs a video; expected video latents with it");
  if (video.source == VideoNoiseSource::invert) {
    refuse("starts from the video, not from its inversion; expected init_source 'diffuse'");
  }
  if (video.low_band) refuse("starts from the whole video; expected init_band 'full'");
}

/// The passes of a request.
FREEINIT_INLINE std::vector<PassPlan> passes_of(const GenerationRequest& request,
                                                const FreeInitOptions& options,
                                                const NoiseSchedule& schedule) {
  return plan_passes(options, sampler_factory(schedule, request.eta), request.num_inference_steps,
                     request.real_video.strength.value_or(1.0));
}

FREEINIT_INLINE bool inverts_video(const GenerationRequest& request,
                                   const GenerationInputs& inputs) {
  return inputs.video_latents.defined() && request.real_video.source == VideoNoiseSource::invert;
}

/// The budget of calls pays for the inversion of a real video too: what is left for the passes.
FREEINIT_INLINE FreeInitOptions options_after_inversion(const GenerationRequest& request,
                                                        const GenerationInputs& inputs,
                                                        const NoiseSchedule& schedule) {
  FreeInitOptions options = request.free_init;
  if (!options.budget_calls || !inverts_video(request, inputs)) return options;
  const auto steps = make_inversion(schedule, request.num_inference_steps)->timesteps().size();
  const auto last = make_sampler(schedule, request.num_inference_steps)->timesteps().size();
  *options.budget_calls -= static_cast<std::int64_t>(steps);
  if (std::cmp_greater_equal(*options.budget_calls, last)) return options;
  raise(ErrorCode::invalid_argument,
        c10::str("budget of calls '", *request.free_init.budget_calls, "': the inversion takes ",
                 steps, " and the last pass ", last, "; expected at least ", steps + last));
}

/// What the run starts from: shapes and values.
FREEINIT_INLINE void check_inputs(const GenerationRequest& request, const GenerationInputs& inputs,
                                  const Manifest& manifest) {
  check_start("initial noise", inputs.initial_noise, request, manifest);
  check_start("video latents", inputs.video_latents, request, manifest);
  if (inputs.initial_noise.defined() && inputs.video_latents.defined()) {
    raise(ErrorCode::invalid_argument,
          "initial noise and video latents: both given; a run starts from one of them");
  }
  const LatentShape shape = latent_shape(request, manifest);
  const std::array<std::int64_t, 3> size{shape.frames, shape.height, shape.width};
  const at::Tensor& mask = inputs.filter_mask;
  if (!mask.defined()) return;
  if (mask.sizes() != at::IntArrayRef(size)) {
    raise(ErrorCode::invalid_argument,
          c10::str("filter mask '", mask.sizes(), "': does not fit the latents; expected ",
                   at::IntArrayRef(size)));
  }
  (void)NoiseReinitializer(mask, at::kCPU, request.free_init.mix);  // refuses what it cannot use
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
