#include "networks/tiny_networks.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/autoencoder.hpp>

#include <ATen/Functions.h>

#include <limits>

namespace autoencoder_test {

using freeinit::decode_video;
using freeinit::encode_video;

class Autoencoder : public TinyNetworks {
 protected:
  [[nodiscard]] std::unique_ptr<const freeinit::Autoencoder> load() const {
    const auto known = manifest();
    return freeinit::load_torchscript_autoencoder(
        {.file = folder(), .contract = known.contracts.at("vae")}, known.vae);
  }
};

at::Tensor latents(std::int64_t videos, std::int64_t frames) {
  return at::arange(videos * 4 * frames * 4 * 6, at::kFloat)
      .mul(0.7)
      .sin()
      .reshape({videos, 4, frames, 4, 6});
}

// Convolutions round differently for batches of different size; a wrong frame is off by about 0.1.
constexpr double kBatchRounding = 1e-6;

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).abs().max().item<double>();
}

TEST_F(Autoencoder, ChunksGiveTheSameFramesAsTheWhole) {
  const auto autoencoder = load();
  const at::Tensor whole = decode_video(*autoencoder, latents(2, 7), 100);
  EXPECT_EQ(whole.sizes(), (std::vector<std::int64_t>{2, 7, 8, 12, 3}));
  for (const std::int64_t chunk : {1, 2, 3, 7}) {
    const at::Tensor chunked = decode_video(*autoencoder, latents(2, 7), chunk);
    EXPECT_LT(largest_difference(whole, chunked), kBatchRounding) << chunk;
  }
}

TEST_F(Autoencoder, FramesAreThePixelsOfDiffusers) {
  const auto autoencoder = load();
  const at::Tensor video = latents(1, 3);
  const at::Tensor frames = decode_video(*autoencoder, video);
  EXPECT_EQ(frames.scalar_type(), at::kFloat);
  EXPECT_GE(frames.min().item<float>(), 0.0F);
  EXPECT_LE(frames.max().item<float>(), 1.0F);
  const at::Tensor pixels = autoencoder->decode(video.select(2, 1));  // [1,3,H,W] of frame 1
  const at::Tensor expected = pixels.div(2).add(0.5).clamp(0, 1).permute({0, 2, 3, 1});
  EXPECT_LT(largest_difference(frames[0][1], expected[0]), kBatchRounding);
  EXPECT_LT(pixels.min().item<float>(), -1.0F) << "the clamp is not exercised";
}

TEST_F(Autoencoder, FramesThatAreNoNumbersAreAnError) {
  const at::Tensor broken = latents(1, 3).mul(std::numeric_limits<float>::quiet_NaN());
  EXPECT_ERROR(model, "frames from 2 on hold NaN",
               decode_video(*load(), at::cat({latents(1, 2), broken}, 2), 2));
}

TEST_F(Autoencoder, AVideoIsTheSameAloneAndInABatch) {
  const auto autoencoder = load();
  const at::Tensor both = decode_video(*autoencoder, latents(2, 5), 3);
  for (const std::int64_t video : {0, 1}) {
    const at::Tensor alone = latents(2, 5).narrow(0, video, 1);
    EXPECT_TRUE(both.narrow(0, video, 1).equal(decode_video(*autoencoder, alone, 3)));
  }
}

TEST_F(Autoencoder, DecodedFramesAreOrdinaryTensors) {
  EXPECT_FALSE(decode_video(*load(), latents(1, 2)).is_inference());
}

TEST_F(Autoencoder, DecodesWithTheScalingFactor) {
  auto spec = manifest().vae;
  const auto plain = load();
  spec.scaling_factor = 1.0;
  const auto unscaled = freeinit::load_torchscript_autoencoder({.file = folder()}, spec);
  const at::Tensor z = latents(1, 2).select(0, 0).permute({1, 0, 2, 3});
  EXPECT_TRUE(plain->decode(z).equal(unscaled->decode(z.mul(2))));
}

TEST_F(Autoencoder, EncodesTheScaledMeanInChunks) {
  const auto autoencoder = load();
  const at::Tensor frames =
      at::arange(2 * 5 * 8 * 12 * 3, at::kFloat).sin().mul(0.5).add(0.5).reshape({2, 5, 8, 12, 3});
  const at::Tensor whole = encode_video(*autoencoder, frames, 100);
  EXPECT_EQ(whole.sizes(), (std::vector<std::int64_t>{2, 4, 5, 4, 6}));
  EXPECT_LT(largest_difference(whole, encode_video(*autoencoder, frames, 2)), kBatchRounding);
  const at::Tensor image = frames[1][3].permute({2, 0, 1}).unsqueeze(0).mul(2).sub(1);
  EXPECT_LT(largest_difference(whole[1].select(1, 3), autoencoder->encode(image)[0]),
            kBatchRounding);
}

TEST_F(Autoencoder, WithoutEncoder) {
  tiny_bundle::write(folder(), {.with_encoder = false});
  EXPECT_ERROR(unsupported, "no vae encoder", load()->encode(at::zeros({1, 3, 8, 8})));
}

TEST_F(Autoencoder, RefusesShapes) {
  const auto autoencoder = load();
  EXPECT_ERROR(invalid_argument, "expected [B, 4, F, height, width]",
               decode_video(*autoencoder, at::zeros({1, 3, 2, 4, 4})));
  EXPECT_ERROR(invalid_argument, "chunk size 0", decode_video(*autoencoder, latents(1, 2), 0));
  EXPECT_ERROR(invalid_argument, "expected [N, 4, height, width]",
               autoencoder->decode(at::zeros({1, 3, 4, 4})));
  EXPECT_ERROR(invalid_argument, "multiples of 2",
               encode_video(*autoencoder, at::zeros({1, 2, 7, 8, 3})));
  EXPECT_ERROR(invalid_argument, "multiples of 2", autoencoder->encode(at::zeros({1, 3, 8, 7})));
}

TEST_F(Autoencoder, ReportsFramesAndStops) {
  const auto autoencoder = load();
  std::vector<int> steps;
  std::stop_source stop;
  freeinit::RunControl control;
  control.stop = stop.get_token();
  control.progress = [&](const freeinit::Progress& progress) {
    EXPECT_EQ(progress.phase, freeinit::Phase::decode);
    EXPECT_EQ(progress.num_steps, 10);
    steps.push_back(progress.step);
    if (progress.step == 7) stop.request_stop();
  };
  EXPECT_ERROR(cancelled, "stopped", decode_video(*autoencoder, latents(2, 5), 2, control));
  EXPECT_EQ(steps, (std::vector<int>{2, 4, 5, 7}));
}

TEST_F(Autoencoder, EncodingReportsAndStopsBetweenChunks) {
  const auto autoencoder = load();
  const at::Tensor frames = at::full({2, 3, 8, 12, 3}, 0.5);
  std::stop_source stop;
  std::vector<int> steps;
  freeinit::RunControl control;
  control.stop = stop.get_token();
  control.progress = [&](const freeinit::Progress& progress) {
    EXPECT_EQ(progress.phase, freeinit::Phase::encode);
    EXPECT_EQ(progress.num_steps, 6);
    steps.push_back(progress.step);
    if (steps.size() == 5) stop.request_stop();
  };
  EXPECT_TRUE(
      encode_video(*autoencoder, frames, 2, control).equal(encode_video(*autoencoder, frames, 2)));
  EXPECT_EQ(steps, (std::vector<int>{2, 3, 5, 6}));
  steps = {0, 0, 0, 0};
  EXPECT_ERROR(cancelled, "encoding: stopped", encode_video(*autoencoder, frames, 2, control));
  EXPECT_EQ(steps.size(), 5U);
}

TEST_F(Autoencoder, AnEmptySinkIsRefused) {
  EXPECT_ERROR(invalid_argument, "sink: empty function",
               freeinit::decode_video_to(*load(), latents(1, 2), 1, {}));
}

}  // namespace autoencoder_test
