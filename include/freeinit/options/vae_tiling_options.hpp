#pragma once

#include <freeinit/core/config.hpp>

#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {

/// Whether the autoencoder sees a frame in overlapping tiles, which are blended linearly. Its
/// memory is then that of a tile; a tile does not know what lies outside of it, so the frame
/// differs a little from the whole one. diffusers' tiling of `AutoencoderKL`.
struct VaeTilingOptions {
  bool enabled = false;          ///< off: frames are seen whole
  std::int64_t tile_size = 256;  ///< pixels along height and width; frames up to it stay whole
  double overlap = 0.25;         ///< the share of a tile that its neighbour covers too, below 1

  /// Throws Error: invalid_argument.
  FREEINIT_API void validate() const;

  friend bool operator==(const VaeTilingOptions&, const VaeTilingOptions&) = default;
};

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/options/vae_tiling_options_inl.hpp>
#endif
