#pragma once

// What check_request and TextToVideoPipeline::validate refuse, one function an idea.

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/nearest_multiples_inl.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <c10/util/StringUtil.h>

#include <cmath>
#include <string>

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

FREEINIT_INLINE void require_at_least_one(const char* name, std::int64_t value) {
  if (value >= 1) return;
  raise(ErrorCode::invalid_argument, c10::str(name, " ", value, ": expected 1 or more"));
}

FREEINIT_INLINE void require_finite(const char* name, double value) {
  if (std::isfinite(value)) return;
  raise(ErrorCode::invalid_argument, c10::str(name, " ", value, ": expected a finite number"));
}

FREEINIT_INLINE void check_pixel_size(const char* name, std::int64_t value, std::int64_t multiple) {
  if (value >= 1 && value % multiple == 0) return;
  raise(ErrorCode::invalid_argument,
        c10::str(name, " ", value, ": this model needs a multiple of ", multiple, "; use ",
                 nearest_multiples(value, multiple)));
}

FREEINIT_INLINE void check_video_size(const GenerationRequest& request, const Manifest& manifest) {
  require_at_least_one("number of videos", request.num_videos);
  require_at_least_one("number of frames", request.num_frames);
  const auto& max_frames = manifest.unet.max_frames;
  if (max_frames && request.num_frames > *max_frames) {
    raise(ErrorCode::invalid_argument, c10::str("number of frames ", request.num_frames,
                                                ": this model does 1 to ", *max_frames));
  }
  const std::int64_t multiple = manifest.vae.spatial_scale * manifest.unet.latent_multiple_of;
  check_pixel_size("height", request.height, multiple);
  check_pixel_size("width", request.width, multiple);
}

/// Refuses a tensor that is not the latents of one video, or of each video of the request.
FREEINIT_INLINE void check_start(const char* name, const at::Tensor& tensor,
                                 const GenerationRequest& request, const Manifest& manifest) {
  if (!tensor.defined()) return;
  LatentShape shape = latent_shape(request, manifest);
  if (tensor.dim() == 5 && tensor.size(0) == request.num_videos) shape.batch = request.num_videos;
  if (tensor.sizes() != at::IntArrayRef(shape.sizes())) {
    shape.batch = request.num_videos;
    raise(ErrorCode::invalid_argument,
          c10::str(name, " ", tensor.sizes(), ": expected ", at::IntArrayRef(shape.sizes())));
  }
  if (!tensor.is_floating_point()) {
    raise(ErrorCode::invalid_argument, c10::str(name, " of ", c10::toString(tensor.scalar_type()),
                                                ": expected floating point numbers"));
  }
}

FREEINIT_INLINE void check_guidance(const GenerationRequest& request) {
  require_finite("guidance scale", request.guidance_scale);
  const auto [from, to] = request.guidance_interval;
  if (from >= 0.0 && from <= to && to <= 1.0) return;  // false for NaN
  raise(ErrorCode::invalid_argument, c10::str("guidance interval ", from, " to ", to,
                                              ": expected 0 <= A <= B <= 1, where 1 is noise"));
}

FREEINIT_INLINE void check_feature_cache(const GenerationRequest& request, const VideoUNet& unet) {
  if (request.cache_interval == 1 || unet.can_reuse_features()) return;
  raise(ErrorCode::unsupported,
        c10::str("cache interval ", request.cache_interval,
                 ": this network was not split for it; expected 1, or a TorchScript bundle whose "
                 "manifest says feature_cache"));
}

/// The inversion of a real video is paid from the budget of calls too.
FREEINIT_INLINE void check_budget(const GenerationRequest& request) {
  const auto& budget = request.free_init.budget.calls;
  const VideoInit& init = request.video_init;
  if (!budget || !init.latents.defined() || init.source != VideoNoiseSource::invert) return;
  const std::int64_t inversion = request.num_inference_steps;
  const std::int64_t last_pass =
      steps_per_pass(request.free_init, request.num_inference_steps).back();
  if (*budget >= inversion + last_pass) return;
  raise(ErrorCode::invalid_argument,
        c10::str("budget of calls '", *budget, "': the inversion takes ", inversion,
                 " and the last pass ", last_pass, "; expected at least ", inversion + last_pass));
}

/// Everything but the schedule itself, which needs the scheduler.
FREEINIT_INLINE void check_settings(const GenerationRequest& request, const Manifest& manifest) {
  check_video_size(request, manifest);
  check_guidance(request);
  if (!std::isfinite(request.fps) || request.fps <= 0) {
    raise(ErrorCode::invalid_argument,
          c10::str("fps ", request.fps, ": expected a number above 0"));
  }
  require_at_least_one("decode chunk size", request.decode_chunk_size);
  require_at_least_one("cache interval", request.cache_interval);
  request.free_init.validate_for(latent_shape(request, manifest));
  check_start("initial noise", request.initial_noise, request, manifest);
  check_start("video latents", request.video_init.latents, request, manifest);
  check_budget(request);
  if (request.initial_noise.defined() && request.video_init.latents.defined()) {
    raise(ErrorCode::invalid_argument,
          "initial noise and video latents: both given; a run starts from one of them");
  }
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
