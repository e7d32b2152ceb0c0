#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/networks/autoencoder.hpp>
#include <freeinit/options/vae_tiling_options.hpp>

#include <memory>

namespace freeinit::inline FREEINIT_ABI {

/// Refuses tiles that are no whole number of latents, or whose overlap leaves none of a tile.
/// Throws Error: invalid_argument.
FREEINIT_API void check_vae_tiling(const VaeTilingOptions& options, const AutoencoderSpec& spec);

/// The autoencoder behind tiles, or the same one where they are not enabled. Tiles begin every
/// `tile_size` less the overlap, as diffusers' do, and each is blended with the one above it and
/// then with the one to its left. Where the overlap is no whole number of latents it is the next
/// smaller one. Throws Error: invalid_argument.
[[nodiscard]] FREEINIT_API std::shared_ptr<const Autoencoder> with_tiling(
    std::shared_ptr<const Autoencoder> autoencoder, const VaeTilingOptions& options);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/networks/tiled_autoencoder_inl.hpp>
#endif
