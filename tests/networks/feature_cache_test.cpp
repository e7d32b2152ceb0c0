#include "support/error_of.hpp"

#include <freeinit/networks/feature_cache.hpp>
#include <freeinit/networks/guidance.hpp>

#include <ATen/Functions.h>

#include <string>

namespace feature_cache_test {

using freeinit::DeepPrediction;
using freeinit::FeatureCache;

/// Notes its calls: W whole, S shallow with the timestep its deep feature was made at.
class SplitUNet final : public freeinit::VideoUNet {
 public:
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    calls += "F ";
    return input.latents.add(1.0);
  }
  bool can_reuse_features() const noexcept override { return true; }
  DeepPrediction predict_deep(const freeinit::UNetInput& input) const override {
    calls += "W" + number(input.timestep) + " ";
    return {input.latents.add(1.0), at::full({input.latents.size(0)}, input.timestep)};
  }
  at::Tensor predict_shallow(const freeinit::UNetInput& input,
                             const at::Tensor& deep) const override {
    calls += "S" + number(input.timestep) + "(" + number(deep[0].item<double>()) + ") ";
    return input.latents.add(2.0);
  }

  mutable std::string calls;

 private:
  static std::string number(double value) { return std::to_string(static_cast<int>(value)); }
};

const at::Tensor latents = at::zeros({1, 4, 2, 2, 2});
const at::Tensor text = at::ones({1, 3, 8});

TEST(FeatureCache, RunsTheWholeNetworkEveryNthCall) {
  const SplitUNet unet;
  FeatureCache cache(3);
  for (int timestep = 9; timestep > 4; --timestep) {
    const at::Tensor output = cache.predict(unet, {latents, double(timestep), text});
    EXPECT_TRUE(output.equal(latents.add(timestep % 3 == 0 ? 1.0 : 2.0)));
  }
  EXPECT_EQ(unet.calls, "W9 S8(9) S7(9) W6 S5(6) ");
}

TEST(FeatureCache, APassStartsWithTheWholeNetwork) {
  const SplitUNet unet;
  FeatureCache cache(4);
  (void)cache.predict(unet, {latents, 9, text});
  (void)cache.predict(unet, {latents, 8, text});
  cache.start_pass();
  (void)cache.predict(unet, {latents, 7, text});  // lower than before: only start_pass tells
  EXPECT_EQ(unet.calls, "W9 S8(9) W7 ");
}

TEST(FeatureCache, AnotherBatchStartsAnew) {
  const SplitUNet unet;
  const auto cache = std::make_shared<FeatureCache>(4);
  const auto denoiser = freeinit::guided_denoiser(
      std::shared_ptr<const freeinit::VideoUNet>(&unet, [](const auto*) {}), text, text,
      {.guidance_scale = 2.0, .interval = {0, 7}, .feature_cache = cache});
  for (int timestep = 9; timestep > 4; --timestep) (void)denoiser(latents, timestep);
  EXPECT_EQ(unet.calls, "W9 S8(9) W7 S6(7) S5(7) ");
}

TEST(FeatureCache, IntervalOneIsThePlainNetwork) {
  const SplitUNet unet;
  FeatureCache cache(1);
  (void)cache.predict(unet, {latents, 9, text});
  (void)cache.predict(unet, {latents, 8, text});
  EXPECT_EQ(unet.calls, "F F ");
}

class WholeUNet final : public freeinit::VideoUNet {
 public:
  at::Tensor predict(const freeinit::UNetInput& input) const override { return input.latents; }
};

TEST(FeatureCache, RefusesWhatCannotWork) {
  EXPECT_ERROR(invalid_argument, "cache interval '0'", FeatureCache(0));
  FeatureCache cache(2);
  EXPECT_ERROR(unsupported, "cannot reuse features",
               (void)cache.predict(WholeUNet(), {latents, 9, text}));
}

}  // namespace feature_cache_test
