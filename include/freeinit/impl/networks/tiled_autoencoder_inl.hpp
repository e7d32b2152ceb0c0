#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/networks/tiled_autoencoder.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Tiles of a tensor [N,C,h,w], in its own units.
struct TileGrid {
  std::int64_t size;  ///< of a tile
  std::int64_t step;  ///< from one tile to the next; less than `size` by the overlap

  [[nodiscard]] TileGrid times(std::int64_t scale) const { return {size * scale, step * scale}; }
  [[nodiscard]] std::int64_t overlap() const { return size - step; }
};

/// The tiles in latents.
FREEINIT_INLINE TileGrid latent_tiles(const VaeTilingOptions& options, std::int64_t scale) {
  const std::int64_t size = options.tile_size / scale;
  const auto overlap = static_cast<std::int64_t>(static_cast<double>(size) * options.overlap);
  return {size, std::max<std::int64_t>(size - overlap, 1)};
}

/// Fades the last rows (dim 2) or columns (dim 3) of `before` into the first ones of `tile`.
FREEINIT_INLINE void blend(const at::Tensor& before, const at::Tensor& tile, std::int64_t dim,
                           std::int64_t overlap) {
  const std::int64_t extent = std::min({before.size(dim), tile.size(dim), overlap});
  if (extent == 0) return;
  at::Tensor weight = at::arange(extent, tile.options()).div(static_cast<double>(extent));
  if (dim == 2) weight = weight.unsqueeze(1);
  const at::Tensor first = tile.narrow(dim, 0, extent);
  const at::Tensor last = before.narrow(dim, before.size(dim) - extent, extent);
  first.copy_(last.mul(weight.neg().add(1)).add(first.mul(weight)));
}

/// `network` on tiles of `input` [N,C,h,w], put together to [N,?,h',w']. `from`, `to`: the tiles of
/// what goes in and of what comes out.
FREEINIT_INLINE at::Tensor in_tiles(const at::Tensor& input, TileGrid from, TileGrid to,
                                    const std::function<at::Tensor(const at::Tensor&)>& network) {
  const auto scaled = [&](std::int64_t size) { return size * to.size / from.size; };
  const std::int64_t height = input.size(2), width = input.size(3);
  at::Tensor whole;
  std::vector<at::Tensor> above, row;
  for (std::int64_t y = 0; y < height; y += from.step) {
    for (std::int64_t x = 0; x < width; x += from.step) {
      // A copy, since a network's result may not be written to.
      at::Tensor tile = network(input.narrow(2, y, std::min(from.size, height - y))
                                    .narrow(3, x, std::min(from.size, width - x))
                                    .contiguous())
                            .clone();
      if (!above.empty()) blend(above[row.size()], tile, 2, to.overlap());
      if (!row.empty()) blend(row.back(), tile, 3, to.overlap());
      if (!whole.defined()) {
        whole =
            at::empty({tile.size(0), tile.size(1), scaled(height), scaled(width)}, tile.options());
      }
      const std::int64_t rows = std::min(to.step, tile.size(2));
      const std::int64_t columns = std::min(to.step, tile.size(3));
      whole.narrow(2, scaled(y), rows)
          .narrow(3, scaled(x), columns)
          .copy_(tile.narrow(2, 0, rows).narrow(3, 0, columns));
      row.push_back(std::move(tile));
    }
    above = std::exchange(row, {});
  }
  return whole;
}

class TiledAutoencoder final : public Autoencoder {
 public:
  TiledAutoencoder(std::shared_ptr<const Autoencoder> whole, const VaeTilingOptions& options)
      : whole_(std::move(whole)), latents_(latent_tiles(options, spec().spatial_scale)) {}

  [[nodiscard]] at::Tensor decode(const at::Tensor& latents) const override {
    if (!needs_tiles(latents, latents_)) return whole_->decode(latents);
    return in_tiles(latents, latents_, pixels(),
                    [&](const at::Tensor& tile) { return whole_->decode(tile); });
  }
  [[nodiscard]] at::Tensor encode(const at::Tensor& images) const override {
    const std::int64_t scale = spec().spatial_scale;
    const bool fits =
        images.dim() == 4 && images.size(2) % scale == 0 && images.size(3) % scale == 0;
    if (!fits || !needs_tiles(images, pixels())) return whole_->encode(images);
    return in_tiles(images, pixels(), latents_,
                    [&](const at::Tensor& tile) { return whole_->encode(tile); });
  }
  [[nodiscard]] const AutoencoderSpec& spec() const noexcept override { return whole_->spec(); }
  void release() const noexcept override { whole_->release(); }

 private:
  [[nodiscard]] TileGrid pixels() const { return latents_.times(spec().spatial_scale); }
  /// What is no batch of pictures the network refuses in its own words.
  [[nodiscard]] static bool needs_tiles(const at::Tensor& input, const TileGrid& tiles) {
    return input.dim() == 4 && (input.size(2) > tiles.size || input.size(3) > tiles.size);
  }

  std::shared_ptr<const Autoencoder> whole_;
  TileGrid latents_;
};

}  // namespace detail

FREEINIT_INLINE void check_vae_tiling(const VaeTilingOptions& options,
                                      const AutoencoderSpec& spec) {
  options.validate();
  const std::int64_t scale = spec.spatial_scale;
  if (options.tile_size % scale == 0) return;
  raise(ErrorCode::invalid_argument,
        c10::str("vae tile size '", options.tile_size, "': expected a multiple of ", scale,
                 ", the pixels of a latent"));
}

FREEINIT_INLINE std::shared_ptr<const Autoencoder> with_tiling(
    std::shared_ptr<const Autoencoder> autoencoder, const VaeTilingOptions& options) {
  if (!autoencoder) raise(ErrorCode::invalid_argument, "autoencoder: none; expected one to tile");
  if (!options.enabled) return autoencoder;
  check_vae_tiling(options, autoencoder->spec());
  return std::make_shared<const detail::TiledAutoencoder>(std::move(autoencoder), options);
}

}  // namespace freeinit::inline FREEINIT_ABI
