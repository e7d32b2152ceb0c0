#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/core/run_control.hpp>
#include <freeinit/networks/model_bundle.hpp>
#include <freeinit/options/generation_request.hpp>
#include <freeinit/passes/run_hooks.hpp>
#include <freeinit/pipeline/generation.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {

/// The schedule that a profile samples with: with `diffusers` the model's own; with `official` that
/// of the authors' code, whose pipeline forces leading spacing, steps_offset 1, clip_sample false
/// and set_alpha_to_one true whatever the model's file says. Betas and prediction type stay the
/// model's.
[[nodiscard]] FREEINIT_API SamplerConfig profile_config(SamplerConfig config, Profile profile);

/// The schedule and sampler that a request makes of a model's: its sampler and spacing of sigmas,
/// if it names any, then `profile_config`. Throws Error: invalid_argument (unknown sampler).
[[nodiscard]] FREEINIT_API SamplerConfig request_config(const SamplerConfig& model,
                                                        const GenerationRequest& request);

/// Refuses what the model of this manifest cannot do, naming the nearest sizes it can: all that can
/// be said before its networks are read. Throws Error: invalid_argument.
FREEINIT_API void check_request(const GenerationRequest& request, const Manifest& manifest,
                                const GenerationInputs& inputs = {});

/// Network calls of all videos of a request, as `GenerationResult::unet_calls` counts them: all of
/// it is known beforehand. Throws Error: invalid_argument, as `check_request`.
[[nodiscard]] FREEINIT_API std::int64_t planned_calls(const GenerationRequest& request,
                                                      const Manifest& manifest,
                                                      const GenerationInputs& inputs = {});

/// Text to video with FreeInit on a loaded bundle. Immutable: one pipeline may serve many threads,
/// each call of `generate` is its own run, equal to its single run bit for bit.
///
/// Several videos run one after another, each from its own seed: networks round differently in
/// batches of different size (about 1e-6), and a video must not depend on its neighbours. With
/// `GenerationHooks::on_video` memory does not grow with their number either. Guidance still makes
/// one network call of batch 2 a step, as diffusers does.
///
/// A clip longer than the model's longest, or than the request's context length, is sampled window
/// by window in each call of the denoiser (WindowedUNet): one noise and one re-initialisation over
/// all frames.
class FREEINIT_API TextToVideoPipeline {
 public:
  /// Throws Error: invalid_argument for a schedule in the manifest that NoiseSchedule refuses.
  explicit TextToVideoPipeline(ModelBundle bundle);

  /// What it was made of.
  [[nodiscard]] const ModelBundle& bundle() const noexcept { return bundle_; }
  /// The model's own schedule, that of Profile::diffusers.
  [[nodiscard]] const NoiseSchedule& schedule() const noexcept { return schedule_; }

  /// `check_request`, and what the loaded UNet cannot do: a shape that its backend does not serve,
  /// features reused by a network that was not split for it. Runs no network. Throws Error:
  /// invalid_argument, unsupported.
  void validate(const GenerationRequest& request, const GenerationInputs& inputs = {}) const;

  /// Validates, encodes the prompts (once per text), then samples and decodes one video after
  /// another. Warns of a prompt that is cut since it is too long, that holds what the model does
  /// not know or the syntax of other programs, and of a size far from the model's own. After a stop
  /// the last video is what its last complete pass left, decoded like any other. Throws Error:
  /// invalid_argument, unsupported, model, cancelled (no pass of any video complete).
  [[nodiscard]] GenerationResult generate(const GenerationRequest& request,
                                          const GenerationInputs& inputs = {},
                                          const RunControl& control = {},
                                          const GenerationHooks& hooks = {}) const;

 private:
  [[nodiscard]] GenerationResult generate_unguarded(const GenerationRequest& request,
                                                    const GenerationInputs& inputs,
                                                    const RunControl& control,
                                                    const GenerationHooks& hooks) const;
  [[nodiscard]] NoiseSchedule schedule_for(const GenerationRequest& request) const;

  ModelBundle bundle_;
  NoiseSchedule schedule_;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/pipeline/text_to_video_pipeline_inl.hpp>
#endif
