#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/options/context_options.hpp>

#include <compare>
#include <cstdint>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Frames of a clip that the network sees at once: first, first + stride, ..., `length` of them,
/// counted on from the clip's first frame where they go beyond its last.
struct ContextWindow {
  std::int64_t first = 0;   ///< frame of the clip, from 0
  std::int64_t stride = 1;  ///< frames from one to the next
  std::int64_t length = 1;  ///< frames in the window

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the comparison for a pointer's
  friend auto operator<=>(const ContextWindow&, const ContextWindow&) = default;
};

/// The windows of a step, from 0, of a clip of `num_frames`, in order: together they hold every
/// frame. The clip itself if it is not longer than a window. `uniform` moves them by the fraction
/// of the clip that the step's binary digits make behind the point in reverse order (0, 1/2, 1/4,
/// 3/4, ...), as animatediff-cli does; without a closed loop a window beyond the last frame is
/// moved back to end there, and one is put at the first frame. Throws Error: invalid_argument (no
/// length, what `ContextOptions::validate` refuses, no frame, a negative step).
[[nodiscard]] FREEINIT_API std::vector<ContextWindow> context_windows(const ContextOptions& options,
                                                                      std::int64_t num_frames,
                                                                      std::int64_t step);

/// What each frame of each window counts, `weights[window][i]`: those of one frame of the clip have
/// the sum 1. `windows` are those of `context_windows` for as many frames; nothing is checked.
[[nodiscard]] FREEINIT_API std::vector<std::vector<double>> context_weights(
    const std::vector<ContextWindow>& windows, FuseMethod fuse, std::int64_t num_frames);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/context_windows_inl.hpp>
#endif
