#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/options/context_options.hpp>
#include <freeinit/options/free_init_options.hpp>
#include <freeinit/options/real_video_options.hpp>
#include <freeinit/options/sampler_config.hpp>
#include <freeinit/options/vae_tiling_options.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// The noise levels at which guidance is on, as fractions of the training timesteps: 0 is a clean
/// video, 1 is noise. Outside of it a step costs one network call of batch 1 (arXiv 2404.07724).
struct GuidanceInterval {
  double from = 0.0;  ///< the cleanest level with guidance, 0 to 1
  double to = 1.0;    ///< the noisiest level with guidance, 0 to 1

  friend bool operator==(const GuidanceInterval&, const GuidanceInterval&) = default;
};

/// What a clip shows at one of its frames, counted from 0.
struct PromptKey {
  std::int64_t frame = 0;  ///< of the clip, from 0
  std::string text{};      ///< what is shown there

  friend bool operator==(const PromptKey&, const PromptKey&) = default;
};

/// What to make, as plain data. `Manifest::recommended` has the model's own settings; change what
/// you like. Tensors that a run may start from are in `GenerationInputs`.
struct GenerationRequest {
  std::string prompt{};           ///< what the video shows
  std::string negative_prompt{};  ///< what it should not show; used where guidance is on
  /// Prompt travel: the text at further frames, in any order; between two of them embeddings are
  /// interpolated, behind the last one its text stays. `prompt` is the text of frame 0 unless one
  /// of these is. For clips of more than one window.
  std::vector<PromptKey> prompt_at{};
  bool mend_text = false;        ///< the prompts are what `mend_text` makes of them
  std::int64_t num_frames = 16;  ///< of each video
  std::int64_t height = 512;     ///< pixels
  std::int64_t width = 512;      ///< pixels
  double fps = 8.0;              ///< frames per second that models which ask for it are told
  /// Frames per second of the file, where it is not `fps`: VideoCrafter2 is told 28 and its files
  /// have 10.
  std::optional<double> output_fps{};
  std::int64_t num_inference_steps = 25;  ///< denoising steps of a full pass
  double guidance_scale = 7.5;            ///< <= 1 switches guidance off
  GuidanceInterval guidance_interval{};   ///< the noise levels at which guidance is on
  std::int64_t cache_interval = 1;        ///< 1: every step runs the whole UNet; see FeatureCache
  double eta = 0.0;  ///< noise of each step, 0 to 1; `ddim` and `tcd` alone use it
  std::optional<std::string> sampler{};         ///< of the sampler table; absent: the model's own
  std::optional<SigmaSpacing> sigma_spacing{};  ///< absent: the model's, or `timesteps`
  std::uint64_t seed = 0;                       ///< of the first video
  std::int64_t num_videos = 1;    ///< video k uses seed + k and equals its single run, bit for bit
  FreeInitOptions free_init{};    ///< passes, filters, mix
  ContextOptions context{};       ///< windows of clips longer than the model's
  RealVideoOptions real_video{};  ///< where the inputs hold a real video
  /// Frames the decoder sees at once: bounds its memory. Absent: `default_chunk_size`.
  std::optional<std::int64_t> decode_chunk_size{};
  VaeTilingOptions vae_tiling{};  ///< whether the autoencoder sees tiles of a frame

  /// The rate of the video file: `output_fps`, or else `fps`.
  [[nodiscard]] double file_fps() const { return output_fps.value_or(fps); }

  /// Throws Error: invalid_argument for what no model can do.
  FREEINIT_API void validate() const;

  friend bool operator==(const GenerationRequest&, const GenerationRequest&) = default;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/options/generation_request_inl.hpp>
#endif
