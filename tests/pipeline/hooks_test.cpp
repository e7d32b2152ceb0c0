// What a run hands out on its way.

#include "pipeline/tiny_pipeline.hpp"

#include <tuple>
#include <vector>

namespace hooks_test {
namespace {

using freeinit::GenerationResult;

using Hooks = TinyPipeline;

TEST_F(Hooks, HandsOutEachPass) {
  std::vector<at::Tensor> passes;
  hooks.on_pass = [&](const freeinit::RunPoint& at, const at::Tensor& latents) {
    EXPECT_EQ(at.pass, static_cast<int>(passes.size()));
    passes.push_back(latents.clone());
  };
  const at::Tensor made = latents();
  ASSERT_EQ(passes.size(), 2U);
  EXPECT_TRUE(passes[1].equal(made));
  hooks.on_pass = {};
  request.free_init.num_iters = 1;
  EXPECT_TRUE(passes[0].equal(latents()));
}

TEST_F(Hooks, HandsOutPredictions) {
  request.num_videos = 2;
  const at::Tensor plain = generate().videos[1].latents;
  std::vector<std::tuple<std::int64_t, int, std::int64_t>> seen;
  hooks.prediction_every = 3;
  hooks.on_prediction = [&](const freeinit::RunPoint& at, const at::Tensor& prediction) {
    EXPECT_EQ(prediction.sizes(), plain.sizes());
    seen.emplace_back(at.video, at.pass, at.step);
  };
  const GenerationResult result = generate();
  EXPECT_TRUE(result.videos[1].latents.equal(plain));
  const auto steps = request.num_inference_steps;
  decltype(seen) expected;
  for (std::int64_t video = 0; video < 2; ++video) {
    for (std::int64_t call = 3; call <= 2 * steps; call += 3) {
      expected.emplace_back(video, static_cast<int>((call - 1) / steps), (call - 1) % steps + 1);
    }
  }
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace hooks_test
