#pragma once

#include <freeinit/core/config.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {

/// Size and hash of one file of a bundle.
struct FileRecord {
  std::uint64_t bytes = 0;  ///< size of the file
  std::string sha256;       ///< 64 lower-case hexadecimal digits
};

/// `unet`: `forward(latents[B,C,F,H,W], timestep[B] float32, text[B,L,D], fps[B] float32)`, the
/// same four inputs for every family (a family without fps ignores it). Limits are hard: the loader
/// and every call refuse what lies outside.
struct UNetSpec {
  std::string file;                             ///< path in the bundle
  std::string format;                           ///< "torchscript"
  std::string dtype;                            ///< "float32", "float16" or "bfloat16"
  std::int64_t in_channels = 4;                 ///< C
  std::int64_t context_dim = 768;               ///< D
  std::int64_t latent_multiple_of = 1;          ///< latent height and width must be multiples of it
  std::optional<std::int64_t> max_frames;       ///< longest sequence of the motion modules
  std::optional<std::int64_t> max_text_length;  ///< longest L
  std::optional<double> max_guidance_scale;     ///< 1 for a model distilled without guidance
  bool uses_fps = false;                        ///< whether the fourth input changes anything
  bool feature_cache = false;  ///< split at export: deep features can be reused between steps
  std::vector<std::vector<std::int64_t>> verified_shapes;  ///< [B,F,H,W,L] compared at export
  double verified_max_relative_error = 0.0;                ///< largest difference found there
};

/// An entry of `unet_backends`: the same UNet, converted for another runtime.
struct UNetBackendSpec {
  std::string file;                          ///< path in the bundle
  std::string converted_from;                ///< SHA-256 of `unet.file` when it was converted
  double verified_max_relative_error = 0.0;  ///< largest difference from `unet.file` at conversion
};

/// `text_encoder`: `forward(ids[B,L] int64) -> [B,L,D]`.
struct TextEncoderSpec {
  std::string file;              ///< path in the bundle
  std::string dtype;             ///< "float32", "float16" or "bfloat16"
  std::int64_t max_length = 77;  ///< L
  std::int64_t width = 768;      ///< D
};

/// `vae`: decoder `forward(z[N,C,h,w]) -> [N,3,H,W]` in -1..1 with z = latents / scaling_factor;
/// encoder `forward(images[N,3,H,W] in -1..1) -> moments [N,2C,h,w]` (mean, log-variance).
struct AutoencoderSpec {
  std::string decoder_file;  ///< path in the bundle
  std::string encoder_file;  ///< empty when the bundle has no encoder
  std::string dtype;  ///< in which the graphs were traced: "float32", "float16" or "bfloat16"
  std::int64_t latent_channels = 4;  ///< C
  std::int64_t spatial_scale = 8;    ///< pixels per latent along height and width
  double scaling_factor = 0.18215;   ///< latents of unit variance are the encoder's times it
};

/// `preview`: the linear map from latents to colours, fitted at export; `latents_to_rgb` applies
/// it.
struct LatentRgbSpec {
  std::vector<std::array<double, 3>> factors{};  ///< [C][3]: what a latent adds to R, G and B
  std::array<double, 3> bias{};  ///< R, G and B of latents of 0; -1 is black, 1 white
};

/// `tokenizer`: files and ids of the CLIP tokenizer, as ClipTokenizerOptions.
struct TokenizerSpec {
  std::string vocab_file;             ///< `vocab.json`, path in the bundle
  std::string merges_file;            ///< `merges.txt`, path in the bundle
  std::int64_t max_length = 77;       ///< ids per prompt, begin and end included
  std::int64_t bos_token_id = 49406;  ///< of `<|startoftext|>`
  std::int64_t eos_token_id = 49407;  ///< of `<|endoftext|>`
  std::int64_t pad_token_id = 49407;  ///< 0 for OpenCLIP
  std::int64_t unk_token_id = 49407;  ///< for a symbol that the vocabulary lacks
  bool match_pad_token = true;        ///< see ClipTokenizerOptions
  std::vector<std::string> words{};   ///< all that the model was trained on; empty: not declared
};

/// What a network takes on a CPU, as it was measured at export. A call on N latent positions (of
/// all frames and batch entries together) takes `call + N * per_latent` bytes beside the weights.
struct MemorySpec {
  std::int64_t weights = 0;     ///< bytes of all parameters in the dtype that it computes in
  std::int64_t call = 0;        ///< bytes
  std::int64_t per_latent = 0;  ///< bytes; of a text encoder: for each token
};

}  // namespace freeinit::inline FREEINIT_ABI
