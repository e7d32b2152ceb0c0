// What latents show without the autoencoder.

#include "support/error_of.hpp"
#include "support/golden.hpp"

#include <freeinit/networks/latent_rgb.hpp>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace latent_rgb_test {
namespace {

using freeinit::latents_to_rgb;

at::Tensor read(const std::string& name) {
  return golden::tensor("numerics/latent_rgb.safetensors", name);
}

std::array<double, 3> colour_of(const at::Tensor& row) {
  return {row[0].item<double>(), row[1].item<double>(), row[2].item<double>()};
}

freeinit::LatentRgbSpec golden_map() {
  freeinit::LatentRgbSpec map{.bias = colour_of(read("bias"))};
  for (const at::Tensor& row : read("factors").unbind()) map.factors.push_back(colour_of(row));
  return map;
}

TEST(LatentRgb, IsTheMapInNumPy) {
  const at::Tensor latents = read("latents");
  const at::Tensor before = latents.clone();
  const at::Tensor shown = latents_to_rgb(latents, golden_map());
  EXPECT_EQ(shown.scalar_type(), at::kFloat);
  EXPECT_LE(golden::difference(shown, read("rgb")), 1e-6);
  EXPECT_TRUE(latents.equal(before));
  // Half precision enters as it is: the sums are float32.
  const at::Tensor half = latents.to(at::kHalf);
  EXPECT_TRUE(
      latents_to_rgb(half, golden_map()).equal(latents_to_rgb(half.to(at::kFloat), golden_map())));
}

TEST(LatentRgb, RefusesWhatTheMapIsNotOf) {
  const auto map = golden_map();
  const at::Tensor latents = read("latents");
  EXPECT_ERROR(invalid_argument, "[2, 3, 3, 5, 7]': expected floating point values of shape [B, 4,",
               latents_to_rgb(latents.narrow(1, 0, 3), map));
  EXPECT_ERROR(invalid_argument, "expected floating", latents_to_rgb(latents[0], map));
  EXPECT_ERROR(invalid_argument, "expected floating", latents_to_rgb(latents.to(at::kInt), map));
  EXPECT_ERROR(invalid_argument, "expected floating", latents_to_rgb(at::Tensor(), map));
}

}  // namespace
}  // namespace latent_rgb_test
