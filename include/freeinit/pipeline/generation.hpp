#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/progress.hpp>
#include <freeinit/passes/free_init_state.hpp>
#include <freeinit/passes/run_hooks.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// The tensors that a run may start from, beside its GenerationRequest. All may stay undefined;
/// others are floating point, of any dtype and on any device, and cast where the run needs it. NaN
/// and infinity are refused before the first call, in noise and latents where they lie on the CPU;
/// on a device they show at the first checkpoint or at the end of the first pass.
struct GenerationInputs {
  /// [num_videos,C,F,h,w] or [1,C,F,h,w], unit variance: replaces the first draw only.
  at::Tensor initial_noise{};
  /// Latents of a real video, [1,C,F,h,w] for every video of the request or [num_videos,C,F,h,w],
  /// as `encode_clip` makes them: the run starts from its noise, or with a strength from the video
  /// itself, as `GenerationRequest::real_video` says. Not together with `initial_noise`. Draws as
  /// `initial_noise_from_video` from the video's own generator, which then serves the run. The
  /// inversion follows the prompt without guidance, a pass of calls more.
  at::Tensor video_latents{};
  /// A centred mask [F,h,w] of your own in place of the filters of the request.
  at::Tensor filter_mask{};
};

/// One finished video.
struct GeneratedVideo {
  std::int64_t index = 0;       ///< k of `seed + k`
  at::Tensor latents{};         ///< [1,C,F,h,w] float32, CPU
  at::Tensor frames{};          ///< [F,H,W,3] float32 in 0..1, CPU; undefined when not decoded
  int completed_passes = 0;     ///< `num_iters` unless cancelled
  bool cancelled = false;       ///< stopped early: `latents` are those of the last complete pass
  std::int64_t unet_calls = 0;  ///< the inversion of a real video included
  std::int64_t unet_calls_saved = 0;           ///< FreeInitResult::calls_saved
  std::vector<std::int64_t> calls_per_pass{};  ///< FreeInitResult::calls_per_pass
};

/// All that a run knows of one of its videos between two network calls. A run of the same request,
/// inputs and bundle that is given it goes on to the same bits.
struct VideoState {
  std::int64_t video = 0;            ///< k of `seed + k`
  FreeInitState run;                 ///< passes and steps so far
  std::int64_t inversion_calls = 0;  ///< network calls before those of `run`
  bool done = false;                 ///< all passes are complete
};

/// What a caller may look at during a run, and whether latents are decoded.
struct GenerationHooks : RunHooks {
  /// Each video as soon as it is done. With it the result keeps no tensors, so that memory does not
  /// grow with the number of videos, and a failure of a later video loses none before it.
  std::function<void(const GeneratedVideo& video)> on_video{};
  /// What the run needs to go on: after each pass, before `on_pass` and decoding; after every
  /// `checkpoint_every` network calls within one; after the inversion of a real video; at a stop.
  /// With a cache interval above 1 not before the next whole call, since features are not kept. The
  /// run changes its tensors afterwards. A state with NaN or infinity is never handed on: the run
  /// ends there, as after a pass that leaves them, and one that was stopped says so in the log.
  std::function<void(const VideoState& state)> on_checkpoint{};
  std::int64_t checkpoint_every = 0;  ///< 0: not within passes
  /// Asked before each video where it stands, as `on_checkpoint` was told; nothing: at its start.
  /// Tensors on the bundle's device. More passes than it was begun with are run as if it had been
  /// begun with them.
  std::function<std::optional<VideoState>(std::int64_t video)> resume{};
  bool decode = true;        ///< false leaves `frames` undefined
  bool check_steps = false;  ///< FreeInitSettings::check_steps
};

/// What a run has made and what it took.
struct GenerationResult {
  /// In order; after a stop or with a failed pass fewer than asked for. Without tensors where
  /// `GenerationHooks::on_video` had them.
  std::vector<GeneratedVideo> videos{};
  bool cancelled = false;  ///< stopped early
  /// Wall time by phase (encode, invert, denoise, reinit, decode), callbacks left out. On a GPU the
  /// loop is never synchronised for it, so there the split of denoise and reinit is approximate.
  std::map<Phase, double> seconds{};

  /// Of all videos.
  [[nodiscard]] std::int64_t unet_calls() const {
    std::int64_t sum = 0;
    for (const GeneratedVideo& video : videos) sum += video.unet_calls;
    return sum;
  }
};

}  // namespace freeinit::inline FREEINIT_ABI
