#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <ATen/Functions.h>

namespace fewer_operations_test {

using freeinit::DeepPrediction;

/// Passes every call on and notes it: F forward, W whole with its deep feature, S shallow; lower
/// case without guidance (batch 1).
class NotingUNet final : public freeinit::VideoUNet {
 public:
  explicit NotingUNet(std::shared_ptr<const VideoUNet> inner) : inner_(std::move(inner)) {}

  at::Tensor predict(const freeinit::UNetInput& input) const override {
    note('F', input.latents);
    return inner_->predict(input);
  }
  bool can_reuse_features() const noexcept override { return inner_->can_reuse_features(); }
  DeepPrediction predict_deep(const freeinit::UNetInput& input) const override {
    note('W', input.latents);
    return inner_->predict_deep(input);
  }
  at::Tensor predict_shallow(const freeinit::UNetInput& input,
                             const at::Tensor& deep) const override {
    note('S', input.latents);
    return inner_->predict_shallow(input, deep);
  }

  mutable std::string calls;

 private:
  void note(char kind, const at::Tensor& latents) const {
    calls += latents.size(0) == 1 ? static_cast<char>(kind - 'A' + 'a') : kind;
  }

  std::shared_ptr<const VideoUNet> inner_;
};

class FewerOperations : public TinyPipeline {
 protected:
  FewerOperations() {
    hooks.decode = false;
    request.num_inference_steps = 5;
  }

  static std::string calls(const freeinit::GenerationRequest& wanted) {
    const TemporaryFolder folder;
    tiny_bundle::write(folder.path());
    freeinit::ModelBundle bundle = freeinit::ModelBundle::load(folder.path());
    const auto unet = std::make_shared<NotingUNet>(bundle.unet());
    bundle = bundle.with(unet);
    (void)freeinit::TextToVideoPipeline(std::move(bundle)).generate(wanted);
    return unet->calls;
  }
};

TEST_F(FewerOperations, AreOffByDefault) {
  EXPECT_EQ(calls(request), "FFFFFFFFFF");
}

TEST_F(FewerOperations, EveryPassAndEveryVideoStartsWithTheWholeNetwork) {
  request.cache_interval = 3;
  request.num_videos = 2;
  EXPECT_EQ(calls(request), "WSSWSWSSWSWSSWSWSSWS");
}

TEST_F(FewerOperations, VideosOfACachedRunEqualTheirSingleRuns) {
  request.cache_interval = 2;
  request.num_videos = 2;
  const at::Tensor both = latents();
  request.num_videos = 1;
  EXPECT_TRUE(both.narrow(0, 0, 1).equal(latents()));
  ++request.seed;
  EXPECT_TRUE(both.narrow(0, 1, 1).equal(latents()));
}

TEST_F(FewerOperations, TheSplitNetworkIsTheWholeOne) {
  const auto& bundle = pipeline.bundle();
  const at::Tensor latents = at::randn({2, 4, 4, 8, 8});
  const at::Tensor text = at::randn({2, tiny_bundle::kTextLength, tiny_bundle::kTextWidth});
  const at::Tensor expected = bundle.unet()->predict({latents, 321, text});
  const auto [output, deep] = bundle.unet()->predict_deep({latents, 321, text});
  EXPECT_TRUE(output.equal(expected));
  EXPECT_TRUE(bundle.unet()->predict_shallow({latents, 321, text}, deep).equal(expected));
  EXPECT_FALSE(bundle.unet()->predict_shallow({latents, 321, text}, deep.mul(2)).equal(expected));
}

TEST_F(FewerOperations, GuidanceInAnInterval) {
  // Timesteps of 5 steps over 1000, linspace: 999, 749, 500, 250, 0 (offset and rounding aside).
  request.guidance_interval = {0.3, 0.8};
  EXPECT_EQ(calls(request), "fFFfffFFff");
  request.cache_interval = 2;
  EXPECT_EQ(calls(request), "wWSwswWSws");
}

TEST_F(FewerOperations, AreRefusedEarly) {
  request.cache_interval = 0;
  EXPECT_ERROR(invalid_argument, "cache interval '0'", pipeline.validate(request, inputs));
  request.cache_interval = 1;
  request.guidance_interval = {0.6, 0.5};
  EXPECT_ERROR(invalid_argument, "guidance interval '0.6 to 0.5'",
               pipeline.validate(request, inputs));
}

TEST(FewerOperationsOfAnUnsplitNetwork, AreRefusedEarly) {
  const TemporaryFolder folder;
  tiny_bundle::write(folder.path(), {.unet_source = R"(
def forward(self, latents, timestep, text, fps):
    return latents
)"});
  const freeinit::TextToVideoPipeline pipeline(freeinit::ModelBundle::load(folder.path()));
  auto request = pipeline.bundle().manifest().recommended;
  request.cache_interval = 2;
  EXPECT_ERROR(unsupported, "was not split for it", pipeline.validate(request));
}

}  // namespace fewer_operations_test
