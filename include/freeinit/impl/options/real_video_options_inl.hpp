#pragma once

#include <freeinit/core/names.hpp>
#include <freeinit/options/real_video_options.hpp>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

inline constexpr NameTable<VideoNoiseSource, 2> kVideoNoiseSourceNames{{
    {"diffuse", VideoNoiseSource::diffuse},
    {"invert", VideoNoiseSource::invert},
}};

}  // namespace detail

FREEINIT_INLINE VideoNoiseSource video_noise_source_from_string(std::string_view name) {
  return value_from_name("video noise source", name, detail::kVideoNoiseSourceNames);
}

FREEINIT_INLINE std::string_view to_string(VideoNoiseSource source) noexcept {
  return name_of_value(source, detail::kVideoNoiseSourceNames);
}

}  // namespace freeinit::inline FREEINIT_ABI
