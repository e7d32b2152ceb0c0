#pragma once

#include <freeinit/core/config.hpp>

#include <array>
#include <cstdint>

namespace freeinit::inline FREEINIT_ABI {

/// Shape of a batch of video latents [batch, channels, frames, height, width]; height and width in
/// latent units (pixels / the autoencoder's spatial scale).
struct LatentShape {
  std::int64_t batch = 1;     ///< B
  std::int64_t channels = 4;  ///< C; 4 in all known families
  std::int64_t frames = 16;   ///< F
  std::int64_t height = 64;   ///< H
  std::int64_t width = 64;    ///< W

  /// {B, C, F, H, W}, as LibTorch takes it.
  [[nodiscard]] constexpr std::array<std::int64_t, 5> sizes() const noexcept {
    return {batch, channels, frames, height, width};
  }
  friend constexpr bool operator==(const LatentShape&, const LatentShape&) = default;
};

}  // namespace freeinit::inline FREEINIT_ABI
