#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/numerics/ddim_scheduler.hpp>
#include <freeinit/numerics/free_init.hpp>
#include <freeinit/pipeline/video_init.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// The noise levels at which guidance is on, as fractions of the training timesteps: 0 is a clean
/// video, 1 is noise. Outside of it a step costs one network call of batch 1 (arXiv 2404.07724).
struct GuidanceInterval {
  double from = 0.0;
  double to = 1.0;
};

/// What to make. `from_manifest` fills in the model's recommended settings; change what you like.
struct GenerationRequest {
  std::string prompt;
  std::string negative_prompt;
  std::int64_t num_frames = 16;
  std::int64_t height = 512;  ///< pixels
  std::int64_t width = 512;   ///< pixels
  double fps = 8.0;
  std::int64_t num_inference_steps = 25;
  double guidance_scale = 7.5;  ///< <= 1 switches guidance off
  GuidanceInterval guidance_interval;
  std::int64_t cache_interval = 1;  ///< 1: every step runs the whole UNet; see FeatureCache
  double eta = 0.0;
  std::uint64_t seed = 0;
  std::int64_t num_videos = 1;  ///< video k uses seed + k and equals its single run, bit for bit
  FreeInitOptions free_init;
  at::Tensor initial_noise;  ///< [num_videos,C,F,h,w] or [1,C,F,h,w]: replaces the first draw only
  /// Start from the noise of a real video instead; not together with `initial_noise`. Draws as
  /// `initial_noise_from_video` from the video's own generator, which then serves the run. The
  /// inversion follows the prompt without guidance, `num_inference_steps` calls more.
  VideoInit video_init;
  std::int64_t decode_chunk_size = 16;  ///< frames the decoder sees at once: bounds its memory
  bool decode = true;                   ///< false leaves `frames` undefined
  /// Each complete pass [1,C,F,h,w], on the device; videos come in turn, each from pass 0 on.
  std::function<void(int pass, const at::Tensor& latents)> on_pass;
  /// The noise [1,C,F,h,w] that each pass starts from, before it does.
  std::function<void(int pass, const at::Tensor& noise)> on_noise;

  /// Throws Error: invalid_argument for a filter that the library does not know.
  [[nodiscard]] FREEINIT_API static GenerationRequest from_manifest(const Manifest& manifest);
};

/// What a run has made and what it took.
struct GenerationResult {
  at::Tensor latents;        ///< [B,C,F,h,w] float32, CPU; B = num_videos unless cancelled
  at::Tensor frames;         ///< [B,F,H,W,3] float32 in 0..1, CPU; undefined when not decoded
  int completed_passes = 0;  ///< of the last video in `latents`; those before it have all passes
  bool cancelled = false;    ///< stopped early: the videos so far, the last one from its last pass
  std::int64_t unet_calls = 0;
  std::int64_t unet_calls_saved = 0;  ///< FreeInitResult::calls_saved of all videos
  /// Calls of each pass, video after video; see FreeInitResult::calls_per_pass.
  std::vector<std::vector<std::int64_t>> calls_per_pass;
  bool converged = false;  ///< FreeInitOptions::tolerance ended the passes of every video early
  /// Wall time by phase (encode, denoise, reinit, decode), callbacks left out. On a GPU the loop is
  /// never synchronised for it, so there the split between denoise and reinit is approximate.
  std::map<Phase, double> seconds;
};

/// Refuses what the model of this manifest cannot do, naming the nearest sizes it can: all that can
/// be said before its networks are read. Throws Error: invalid_argument.
FREEINIT_API void check_request(const GenerationRequest& request, const Manifest& manifest);

/// Text to video with FreeInit on a loaded bundle. Immutable: one pipeline may serve many threads,
/// each call of `generate` is its own run.
///
/// Several videos run one after another, each from its own seed: networks round differently in
/// batches of different size (about 1e-6), and a video must not depend on its neighbours. Memory
/// does not grow with their number either. Guidance still makes one network call of batch 2 a step,
/// as diffusers does.
class FREEINIT_API TextToVideoPipeline {
 public:
  /// Throws Error: invalid_argument for a scheduler in the manifest that DdimConfig refuses.
  explicit TextToVideoPipeline(ModelBundle bundle);

  [[nodiscard]] const ModelBundle& bundle() const noexcept { return bundle_; }
  /// The scheduler of Profile::diffusers: what the manifest says.
  [[nodiscard]] const DdimScheduler& scheduler() const noexcept { return scheduler_; }

  /// `check_request`, and what the loaded UNet cannot do: a shape beyond its own limits,
  /// features reused by a network that was not split for it. Runs no network. Throws Error:
  /// invalid_argument, unsupported.
  void validate(const GenerationRequest& request) const;

  /// Validates, encodes the prompts (once per text), samples, decodes the last pass. A prompt that
  /// is too long is cut with a warning that names what was cut. After a stop the result holds the
  /// last complete pass, decoded like any other. Throws Error: invalid_argument, model, cancelled
  /// (no pass of any video complete).
  [[nodiscard]] GenerationResult generate(const GenerationRequest& request,
                                          const RunControl& control = {}) const;

 private:
  [[nodiscard]] GenerationResult generate_unguarded(const GenerationRequest& request,
                                                    const RunControl& control) const;
  [[nodiscard]] const DdimScheduler& scheduler_for(Profile profile) const noexcept;

  ModelBundle bundle_;
  DdimScheduler scheduler_;
  DdimScheduler official_scheduler_;
};

/// The scheduler that a manifest describes, or, with Profile::official, that of the authors' code:
/// their pipeline forces leading spacing, steps_offset 1, clip_sample false and set_alpha_to_one
/// true whatever the model's file says; betas and prediction type stay the model's. Throws Error:
/// invalid_argument.
[[nodiscard]] FREEINIT_API DdimConfig ddim_config(const SchedulerSpec& spec,
                                                  Profile profile = Profile::diffusers);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/pipeline/text_to_video_pipeline_inl.hpp>
#endif
