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
using Calls = std::vector<std::int64_t>;

using Methods = TinyPipeline;

TEST_F(Methods, PassesThatEndEarlyAreCountedForEveryVideo) {
  hooks.decode = false;
  request.free_init.num_iters = 3;
  request.free_init.intermediate = {.result = IntermediateResult::prediction, .steps = 1};
  request.num_videos = 2;
  const GenerationResult both = generate();
  for (const auto& video : both.videos) {
    EXPECT_EQ(video.calls_per_pass, (Calls{1, 1, 4}));
    EXPECT_EQ(video.unet_calls, 6);
    EXPECT_EQ(video.unet_calls_saved, 6);
  }
  request.num_videos = 1;
  request.seed += 1;
  EXPECT_TRUE(both.videos[1].latents.equal(latents()));
}

TEST_F(Methods, AreRefusedBeforeAnyNetworkRuns) {
  const auto refused = [&](const char* says, auto&& change) {
    auto other = request;
    auto tensors = inputs;
    change(other.free_init, tensors);
    EXPECT_ERROR(invalid_argument, says, (pipeline.validate(other, tensors), 0));
  };
  refused("filter mask '[1, 1, 1]'", [](auto&, auto& t) { t.filter_mask = at::ones({1, 1, 1}); });
  refused("more than a pass has", [](auto& o, auto&) {
    o.intermediate = {.result = IntermediateResult::partial, .steps = 5};
  });
  refused("expected at least 4", [](auto& o, auto&) { o.budget_calls = 3; });
  refused("mix ratio", [](auto& o, auto&) { o.mix.ratio = -1.0; });
  refused("mask value '2'", [](auto& o, auto& t) {
    t.filter_mask = at::full({4, 8, 8}, 2.0);
    o.mix.method = freeinit::MixMethod::variance_preserving;
  });
}

}  // namespace
}  // namespace methods_test
