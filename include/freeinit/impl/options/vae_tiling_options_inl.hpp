#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/options/vae_tiling_options.hpp>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE void VaeTilingOptions::validate() const {
  check_between("vae tile size", tile_size, 1, 16384);
  check_setting(overlap >= 0.0 && overlap < 1.0, "vae tile overlap", overlap, "0 or more, below 1");
}

}  // namespace freeinit::inline FREEINIT_ABI
