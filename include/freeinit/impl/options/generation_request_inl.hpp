#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/core/text.hpp>
#include <freeinit/options/generation_request.hpp>

#include <cmath>
#include <set>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void check_rate(const char* name, double rate) {
  if (std::isfinite(rate) && rate > 0.0) return;
  raise(ErrorCode::invalid_argument, concat(name, " '", rate, "': expected a number above 0"));
}

FREEINIT_INLINE void check_prompt_keys(const GenerationRequest& request) {
  std::set<std::int64_t> frames;
  for (const auto& [frame, text] : request.prompt_at) {
    if (frame < 0 || frame >= request.num_frames) {
      raise(ErrorCode::invalid_argument,
            concat("prompt at frame '", frame, "': outside the clip; expected 0 to ",
                   request.num_frames - 1));
    }
    if (frames.insert(frame).second) continue;
    raise(ErrorCode::invalid_argument,
          concat("prompt at frame '", frame, "': given twice; expected one text a frame"));
  }
}

}  // namespace detail

FREEINIT_INLINE void GenerationRequest::validate() const {
  check_between("number of videos", num_videos, 1, 1024);
  check_between("number of frames", num_frames, 1, 1'000'000);
  check_between("height", height, 1, 16384);
  check_between("width", width, 1, 16384);
  check_at_least("decode chunk size", decode_chunk_size.value_or(1), 1);
  check_at_least("cache interval", cache_interval, 1);
  if (!std::isfinite(guidance_scale)) {
    raise(ErrorCode::invalid_argument,
          concat("guidance scale '", guidance_scale, "': expected a finite number"));
  }
  const auto [from, to] = guidance_interval;
  if (!(from >= 0.0 && from <= to && to <= 1.0)) {  // also NaN
    raise(ErrorCode::invalid_argument, concat("guidance interval '", from, " to ", to,
                                              "': expected 0 <= A <= B <= 1, where 1 is noise"));
  }
  detail::check_rate("fps", fps);
  detail::check_rate("output fps", file_fps());
  if (const auto strength = real_video.strength) {
    check_setting(*strength > 0.0 && *strength <= 1.0, "strength", *strength, "above 0, at most 1");
  }
  free_init.validate();
  context.validate();
  vae_tiling.validate();
  detail::check_prompt_keys(*this);
}

}  // namespace freeinit::inline FREEINIT_ABI
