#pragma once

#include <freeinit/core/config.hpp>

#include <optional>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// How a real video becomes noise.
/// `diffuse`: the forward process to the last training timestep, with noise of its own.
/// `invert`: DDIM inversion, the way back through the denoiser; no noise is drawn for it.
enum class VideoNoiseSource { diffuse, invert };

/// diffuse, invert. Throws Error: invalid_argument with the known names.
[[nodiscard]] FREEINIT_API VideoNoiseSource video_noise_source_from_string(std::string_view name);
/// Its name in files and on the command line.
[[nodiscard]] FREEINIT_API std::string_view to_string(VideoNoiseSource source) noexcept;

/// What is made of a real video that a run starts from.
struct RealVideoOptions {
  VideoNoiseSource source = VideoNoiseSource::diffuse;  ///< how noise is made of the video
  /// Only the low band of the video's noise is kept, as the run's first filter and its mix cut it;
  /// the high band is fresh noise.
  bool low_band = false;
  /// Set: video to video. The video is noised to the level at which the last `strength` of each
  /// pass's steps begin, and those are run, as diffusers does; above 0, at most 1. With `diffuse`
  /// alone, and without `low_band`. Absent: the video becomes noise, and all steps are run.
  std::optional<double> strength{};

  friend bool operator==(const RealVideoOptions&, const RealVideoOptions&) = default;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/options/real_video_options_inl.hpp>
#endif
