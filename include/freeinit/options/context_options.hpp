#pragma once

#include <freeinit/core/config.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// Where the windows of a long clip lie.
/// `uniform`: they move from step to step, so that no frame is always at a border.
/// `standard_static`: they stay, where `uniform` has them in its first step.
enum class ContextSchedule { uniform, standard_static };

/// uniform, static. Throws Error: invalid_argument with the known names.
[[nodiscard]] FREEINIT_API ContextSchedule context_schedule_from_string(std::string_view name);
/// Its name in files and on the command line.
[[nodiscard]] FREEINIT_API std::string_view to_string(ContextSchedule schedule) noexcept;

/// What a frame counts in a window, before the weights of each frame are scaled to the sum 1.
/// `pyramid`: 1, 2, 3, ... up to the middle of the window and down again. `flat`: the same
/// everywhere.
enum class FuseMethod { pyramid, flat };

/// pyramid, flat. Throws as above.
[[nodiscard]] FREEINIT_API FuseMethod fuse_method_from_string(std::string_view name);
/// Its name in files and on the command line.
[[nodiscard]] FREEINIT_API std::string_view to_string(FuseMethod method) noexcept;

/// How the noise of frames behind the first window comes about, with diffusers' names.
/// `random`: all frames are drawn.
/// `repeat_context`: the frames of the first window again and again.
/// `shuffle_context`: they too, in another order: each `length - overlap` frames are those `length`
/// frames before, shuffled (FreeNoise, arXiv 2310.15169).
enum class LongNoise { random, repeat_context, shuffle_context };

/// random, repeat_context, shuffle_context. Throws as above.
[[nodiscard]] FREEINIT_API LongNoise long_noise_from_string(std::string_view name);
/// Its name in files and on the command line.
[[nodiscard]] FREEINIT_API std::string_view to_string(LongNoise noise) noexcept;

/// Overlapping windows in which the network sees a clip that is longer than it was made for.
struct ContextOptions {
  /// Frames of a window, at least 1. Absent: the model's own number, for clips longer than its
  /// longest.
  std::optional<std::int64_t> length{};
  /// Frames that neighbours share, below the length. Absent: a quarter of it.
  std::optional<std::int64_t> overlap{};
  /// `uniform` also takes windows of every 2nd, 4th, ... frame where the clip is long enough for
  /// them: so many kinds at most, 1 to 16.
  std::int64_t stride = 1;
  ContextSchedule schedule = ContextSchedule::uniform;  ///< whether windows move from step to step
  FuseMethod fuse = FuseMethod::pyramid;  ///< what a frame counts where windows overlap
  bool closed_loop = false;               ///< windows go on from the last frame to the first
  LongNoise noise = LongNoise::random;    ///< of the frames behind the first window

  /// Throws Error: invalid_argument.
  FREEINIT_API void validate() const;

  friend bool operator==(const ContextOptions&, const ContextOptions&) = default;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/options/context_options_inl.hpp>
#endif
