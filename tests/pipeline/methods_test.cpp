// What goes beyond the paper's FreeInit, through the pipeline: counted for every video, refused
// before any network runs.

#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>

#include <vector>

namespace methods_test {
namespace {

using freeinit::GenerationResult;
using freeinit::IntermediateResult;
using Calls = std::vector<std::vector<std::int64_t>>;

using Methods = TinyPipeline;

TEST_F(Methods, PassesThatEndEarlyAreCountedForEveryVideo) {
  request.decode = false;
  request.free_init.num_iters = 3;
  request.free_init.intermediate = {.result = IntermediateResult::prediction, .steps = 1};
  request.num_videos = 2;
  const GenerationResult both = pipeline.generate(request);
  EXPECT_EQ(both.calls_per_pass, (Calls{{1, 1, 4}, {1, 1, 4}}));
  EXPECT_EQ(both.unet_calls, 12);
  EXPECT_EQ(both.unet_calls_saved, 12);
  EXPECT_FALSE(both.converged);
  request.num_videos = 1;
  request.seed += 1;
  EXPECT_TRUE(both.latents[1].equal(pipeline.generate(request).latents[0]));
}

TEST_F(Methods, AToleranceEndsEveryVideo) {
  request.decode = false;
  request.free_init.num_iters = 4;
  request.free_init.tolerance = 1e9;
  request.num_videos = 2;
  const GenerationResult result = pipeline.generate(request);
  EXPECT_TRUE(result.converged);
  EXPECT_EQ(result.calls_per_pass, (Calls{{4, 4}, {4, 4}}));
  EXPECT_EQ(result.completed_passes, 2);
}

TEST_F(Methods, AreRefusedBeforeAnyNetworkRuns) {
  const auto refused = [&](const char* says, auto&& change) {
    auto other = request;
    change(other.free_init);
    EXPECT_ERROR(invalid_argument, says, (pipeline.validate(other), 0));
  };
  refused("filter mask '[1, 1, 1]'", [](auto& o) { o.filter_mask = at::ones({1, 1, 1}); });
  refused("more than a pass has",
          [](auto& o) { o.intermediate = {.result = IntermediateResult::partial, .steps = 5}; });
  refused("expected at least 4", [](auto& o) { o.budget.calls = 3; });
  refused("mix ratio", [](auto& o) { o.mix.ratio = -1.0; });
  refused("mask value '2'", [](auto& o) {
    o.filter_mask = at::full({1, 1, 1}, 2.0);
    o.mix.method = freeinit::MixMethod::variance_preserving;
  });
}

}  // namespace
}  // namespace methods_test
