#include "support/error_of.hpp"
#include "support/golden.hpp"

#include <freeinit/analysis/consistency.hpp>

#include <ATen/Functions.h>

#include <string>

namespace consistency_test {

// The issue asks for 1e-5; Python's own float32 sums are good to about 1e-6.
constexpr double kTolerance = 1e-5;
constexpr const char* kFile = "analysis/scores.safetensors";

at::Tensor scored(const std::string& name) {
  return golden::tensor(kFile, name);
}

void expect_consistency(const nlohmann::json& expected, const at::Tensor& features) {
  const auto scores = freeinit::consistency_scores(features);
  EXPECT_NEAR(scores.temporal_consistency, expected["temporal_consistency"], kTolerance);
  EXPECT_NEAR(scores.subject_consistency, expected["subject_consistency"], kTolerance);
  EXPECT_NEAR(scores.adjacent_consistency, expected["adjacent_consistency"], kTolerance);
}

TEST(Consistency, EqualsThePublishedFormulas) {
  const auto expected = golden::json("analysis/scores.json");
  for (const std::string name : {"walk", "turning", "frames"}) {
    SCOPED_TRACE(name);
    expect_consistency(expected[name], scored(name));
  }
}

TEST(Consistency, CutsOnlyVBenchsFormOffAtZero) {
  const at::Tensor opposite = at::tensor({1.0, 0.0, -1.0, 0.0}).reshape({2, 2});
  const auto scores = freeinit::consistency_scores(opposite);
  EXPECT_DOUBLE_EQ(scores.temporal_consistency, -1.0);
  EXPECT_DOUBLE_EQ(scores.adjacent_consistency, -1.0);
  EXPECT_DOUBLE_EQ(scores.subject_consistency, 0.0);
}

TEST(Consistency, LengthOfAVectorDoesNotCount) {
  const at::Tensor features = scored("walk");
  const at::Tensor lengths = at::arange(1, 8).reshape({7, 1});
  const auto scores = freeinit::consistency_scores(features);
  const auto scaled = freeinit::consistency_scores(features.mul(lengths));
  EXPECT_NEAR(scaled.temporal_consistency, scores.temporal_consistency, 1e-7);
  EXPECT_DOUBLE_EQ(freeinit::consistency_scores(at::zeros({3, 4})).temporal_consistency, 0.0);
}

TEST(Consistency, NeedsTwoFrames) {
  EXPECT_ERROR(invalid_argument, "[1, 4]", freeinit::consistency_scores(at::ones({1, 4})));
  EXPECT_ERROR(invalid_argument, "features", freeinit::consistency_scores({}));
  EXPECT_ERROR(invalid_argument, "video", freeinit::change_scores(at::ones({3})));
  EXPECT_ERROR(invalid_argument, "video", freeinit::change_scores(at::ones({3, 2}, at::kInt)));
}

TEST(Change, EqualsTheFormulasOnBytesAndOnFloats) {
  const auto expected = golden::json("analysis/scores.json")["frames"];
  const at::Tensor frames = scored("frames");
  for (const at::Tensor& video : {frames, frames.to(at::kFloat).div(255)}) {
    const auto scores = freeinit::change_scores(video);
    EXPECT_NEAR(temporal_flickering(scores), expected["temporal_flickering"], kTolerance);
    EXPECT_NEAR(scores.motion_energy, expected["motion_energy"], 1e-7);
    EXPECT_NEAR(scores.temporal_deviation, expected["temporal_deviation"], 1e-6);
  }
}

TEST(Change, StillPictureHasNone) {
  const auto scores = freeinit::change_scores(at::full({4, 2, 2, 3}, 7, at::kByte));
  EXPECT_DOUBLE_EQ(temporal_flickering(scores), 1.0);
  EXPECT_DOUBLE_EQ(scores.motion_energy, 0.0);
  EXPECT_DOUBLE_EQ(scores.temporal_deviation, 0.0);
}

}  // namespace consistency_test
