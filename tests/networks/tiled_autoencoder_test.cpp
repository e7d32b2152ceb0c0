#include "networks/tiny_networks.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/tiled_autoencoder.hpp>

#include <ATen/Functions.h>

#include <algorithm>
#include <vector>

namespace tiled_autoencoder_test {

using freeinit::VaeTilingOptions;
using freeinit::with_tiling;

/// Two pixels a latent. Sees no neighbours, and adds the number of the call, so that tiles differ.
class CountingAutoencoder final : public freeinit::Autoencoder {
 public:
  explicit CountingAutoencoder(double difference = 0.0) : difference_(difference) {
    spec_.latent_channels = 4;
    spec_.spatial_scale = 2;
  }
  at::Tensor decode(const at::Tensor& latents) const override {
    sizes.push_back(latents.size(2) * latents.size(3));
    const at::Tensor pixels =
        latents.narrow(1, 0, 3).repeat_interleave(2, 2).repeat_interleave(2, 3);
    return pixels.add(difference_ * static_cast<double>(sizes.size() - 1));
  }
  at::Tensor encode(const at::Tensor& images) const override {
    sizes.push_back(images.size(2) * images.size(3));
    const at::Tensor mean = at::avg_pool2d(images, {2, 2});
    return at::cat({mean, mean.narrow(1, 0, 1)}, 1);
  }
  const freeinit::AutoencoderSpec& spec() const noexcept override { return spec_; }
  mutable std::vector<std::int64_t> sizes;  ///< of what each call saw

 private:
  freeinit::AutoencoderSpec spec_;
  double difference_;
};

at::Tensor pictures(at::IntArrayRef sizes) {
  return at::arange(c10::multiply_integers(sizes), at::kFloat).mul(0.7).sin().reshape(sizes);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).abs().max().item<double>();
}

// Blends of equal numbers: w a + (1 - w) a.
constexpr double kRounding = 1e-6;

TEST(TiledAutoencoder, TilesOfALocalNetworkMakeTheWhole) {
  for (const double overlap : {0.0, 0.25, 0.5, 0.7}) {
    for (const std::int64_t tile : {2, 8, 10}) {
      const VaeTilingOptions options{.enabled = true, .tile_size = tile, .overlap = overlap};
      const auto whole = std::make_shared<const CountingAutoencoder>();
      const auto tiled = with_tiling(whole, options);
      const at::Tensor latents = pictures({2, 4, 13, 9});
      EXPECT_LT(largest_difference(whole->decode(latents), tiled->decode(latents)), kRounding);
      const at::Tensor images = pictures({2, 3, 26, 18});
      EXPECT_LT(largest_difference(whole->encode(images), tiled->encode(images)), kRounding);
    }
  }
}

TEST(TiledAutoencoder, ANetworkSeesATileAtMost) {
  const auto whole = std::make_shared<const CountingAutoencoder>();
  const auto tiled = with_tiling(whole, {.enabled = true, .tile_size = 8});
  (void)tiled->decode(pictures({1, 4, 13, 9}));
  EXPECT_EQ(*std::max_element(whole->sizes.begin(), whole->sizes.end()), 16);
  EXPECT_EQ(whole->sizes.size(), 15U);  // beginning at 0, 3, 6, ... of 13 and of 9
  whole->sizes.clear();
  (void)tiled->encode(pictures({1, 3, 26, 18}));
  EXPECT_EQ(*std::max_element(whole->sizes.begin(), whole->sizes.end()), 64);
}

TEST(TiledAutoencoder, NeighboursFadeIntoEachOther) {
  const auto whole = std::make_shared<const CountingAutoencoder>(1.0);
  const auto tiled = with_tiling(whole, {.enabled = true, .tile_size = 8, .overlap = 0.5});
  const at::Tensor row = tiled->decode(at::zeros({1, 4, 4, 6}))[0][0][0];  // tiles 0, 1, 2
  // The second tile begins at pixel 4 and has faded in by pixel 8, where the third one begins.
  EXPECT_TRUE(
      row.equal(at::tensor({0., 0., 0., 0., 0., .25, .5, .75, 1., 1.25, 1.5, 1.75}, at::kFloat)))
      << row;
}

TEST(TiledAutoencoder, SmallFramesAndOthersStayWhole) {
  const auto whole = std::make_shared<const CountingAutoencoder>();
  EXPECT_EQ(with_tiling(whole, {}), whole);
  const auto tiled = with_tiling(whole, {.enabled = true, .tile_size = 8});
  (void)tiled->decode(pictures({3, 4, 4, 4}));
  EXPECT_EQ(whole->sizes, std::vector<std::int64_t>{16});
}

TEST(TiledAutoencoder, RefusesTilesThatCannotBe) {
  const auto whole = std::make_shared<const CountingAutoencoder>();
  EXPECT_ERROR(invalid_argument, "vae tile size '9': expected a multiple of 2",
               with_tiling(whole, {.enabled = true, .tile_size = 9}));
  EXPECT_ERROR(invalid_argument, "vae tile size '0'",
               with_tiling(whole, {.enabled = true, .tile_size = 0}));
  EXPECT_ERROR(invalid_argument, "vae tile overlap '1'",
               with_tiling(whole, {.enabled = true, .overlap = 1.0}));
  EXPECT_ERROR(invalid_argument, "autoencoder: none", with_tiling(nullptr, {}));
}

class TinyAutoencoder : public TinyNetworks {};

TEST_F(TinyAutoencoder, RefusesInItsOwnWords) {
  const auto tiled =
      with_tiling(freeinit::load_torchscript_autoencoder({.file = folder()}, manifest().vae),
                  {.enabled = true, .tile_size = 4});
  EXPECT_ERROR(invalid_argument, "expected [N, 4, height, width]",
               tiled->decode(at::zeros({1, 3, 4, 4})));
  EXPECT_ERROR(invalid_argument, "multiples of 2", tiled->encode(at::zeros({1, 3, 8, 7})));
  EXPECT_ERROR(invalid_argument, "expected [N, 4, height, width]", tiled->decode(at::zeros({4})));
}

TEST(ChunkSize, IsThatOfSixtyFiveThousandPixels) {
  EXPECT_EQ(freeinit::default_chunk_size(64, 64), 16);
  EXPECT_EQ(freeinit::default_chunk_size(8, 8), 16);
  EXPECT_EQ(freeinit::default_chunk_size(128, 128), 4);
  EXPECT_EQ(freeinit::default_chunk_size(512, 512), 1);
  EXPECT_EQ(freeinit::default_chunk_size(0, 0), 16);
}

}  // namespace tiled_autoencoder_test
