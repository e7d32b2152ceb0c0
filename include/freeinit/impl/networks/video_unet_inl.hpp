#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/impl/networks/nearest_multiples_inl.hpp>
#include <freeinit/impl/networks/unet_call_inl.hpp>
#include <freeinit/networks/video_unet.hpp>

#include <c10/util/StringUtil.h>

#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_latent_multiple(const UNetSpec& spec, at::IntArrayRef latents,
                                           std::size_t dim, const char* name) {
  const std::int64_t size = latents[dim];
  if (size >= 1 && size % spec.latent_multiple_of == 0) return;
  raise(ErrorCode::invalid_argument,
        c10::str("latents ", latents, ": ", name, " ", size, " is not a multiple of ",
                 spec.latent_multiple_of, "; use ",
                 nearest_multiples(size, spec.latent_multiple_of)));
}

FREEINIT_INLINE void check_latents(const UNetSpec& spec, at::IntArrayRef latents) {
  const auto refuse = [&](const std::string& reason) {
    raise(ErrorCode::invalid_argument, c10::str("latents ", latents, ": ", reason));
  };
  if (latents.size() != 5) refuse("expected [batch, channels, frames, height, width]");
  if (latents[0] < 1) refuse("the batch is empty");
  if (latents[1] != spec.in_channels) {
    refuse(c10::str(latents[1], " channels; the model has ", spec.in_channels));
  }
  if (latents[2] < 1 || (spec.max_frames && latents[2] > *spec.max_frames)) {
    refuse(c10::str(latents[2], " frames; the model does 1 to ",
                    spec.max_frames ? std::to_string(*spec.max_frames) : "any number"));
  }
  check_latent_multiple(spec, latents, 3, "height");
  check_latent_multiple(spec, latents, 4, "width");
}

FREEINIT_INLINE void check_text(const UNetSpec& spec, at::IntArrayRef text, std::int64_t batch) {
  const auto refuse = [&](const std::string& reason) {
    raise(ErrorCode::invalid_argument, c10::str("text embedding ", text, ": ", reason));
  };
  if (text.size() != 3) refuse("expected [batch, length, width]");
  if (text[0] != batch) {
    refuse(c10::str("batch ", text[0], ", but the latents have batch ", batch));
  }
  if (text[1] < 1 || (spec.max_text_length && text[1] > *spec.max_text_length)) {
    refuse(c10::str("length ", text[1], "; the model takes 1 to ",
                    spec.max_text_length ? std::to_string(*spec.max_text_length) : "any number"));
  }
  if (text[2] != spec.context_dim) {
    refuse(c10::str("width ", text[2], "; the model attends to width ", spec.context_dim));
  }
}

}  // namespace detail

FREEINIT_INLINE void VideoUNet::check_input(at::IntArrayRef /*latents*/,
                                            at::IntArrayRef /*text*/) const {}

FREEINIT_INLINE DeepPrediction VideoUNet::predict_deep(const UNetInput& /*input*/) const {
  detail::raise_not_split("this UNet");
}

FREEINIT_INLINE at::Tensor VideoUNet::predict_shallow(const UNetInput& /*input*/,
                                                      const at::Tensor& /*deep*/) const {
  detail::raise_not_split("this UNet");
}

FREEINIT_INLINE void check_unet_input(const UNetSpec& spec, at::IntArrayRef latents,
                                      at::IntArrayRef text) {
  detail::check_latents(spec, latents);
  detail::check_text(spec, text, latents[0]);
}

}  // namespace freeinit::inline FREEINIT_ABI
