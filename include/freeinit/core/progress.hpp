#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/names.hpp>

#include <functional>
#include <string_view>

namespace freeinit::inline FREEINIT_ABI {

/// The phases of a run, in the order in which they happen (`reinit` and `denoise` alternate;
/// `invert` is the way from a real video to its noise).
enum class Phase { load, encode, invert, denoise, reinit, decode, write };

namespace detail {

inline constexpr NameTable<Phase, 7> kPhaseNames{{
    {"load", Phase::load},
    {"encode", Phase::encode},
    {"invert", Phase::invert},
    {"denoise", Phase::denoise},
    {"reinit", Phase::reinit},
    {"decode", Phase::decode},
    {"write", Phase::write},
}};

}  // namespace detail

/// The phase's name as `generate --json` prints it, for example "denoise".
[[nodiscard]] constexpr std::string_view to_string(Phase phase) noexcept {
  return name_of_value(phase, detail::kPhaseNames);
}

/// Where a run stands. Indices count finished work, so `step == num_steps` means the pass is
/// complete.
struct Progress {
  Phase phase = Phase::load;  ///< what is being done
  int pass = 0;               ///< FreeInit pass in 0 .. num_passes - 1 (from denoise on)
  int num_passes = 1;         ///< 1 = plain sampling
  int step = 0;           ///< units done in this phase and pass: steps, decoded or written frames
  int num_steps = 0;      ///< units of this phase and pass; differs between passes
  int video = 0;          ///< video in 0 .. num_videos - 1 (from denoise on); videos run in turn
  int num_videos = 1;     ///< of the request
  int calls = 0;          ///< denoiser calls done for this video (from denoise on)
  int planned_calls = 0;  ///< what `calls` will be in the end, at most
};

/// Called on the thread that runs the library function, after each unit. Empty is allowed.
using ProgressCallback = std::function<void(const Progress&)>;

}  // namespace freeinit::inline FREEINIT_ABI
