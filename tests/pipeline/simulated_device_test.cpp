#include "support/simulated_device.hpp"

#include "pipeline/tiny_pipeline.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/guidance.hpp>

#include <ATen/Functions.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace simulated_device_test {

using freeinit::Phase;
using freeinit::Progress;
using simulated_device::Traffic;
using simulated_device::TrafficMeter;

/// The pipeline with all its networks on a device that is not the CPU.
class OnDevice : public TinyPipeline {
 protected:
  const freeinit::TextToVideoPipeline on_device = make_tiny_pipeline(simulated_device::device());

  /// What crosses the border between the first noise and the last step of the last pass.
  [[nodiscard]] Traffic traffic_of_sampling() const {
    std::optional<TrafficMeter> meter;
    Traffic last;
    freeinit::RunControl control;
    control.progress = [&](const Progress& progress) {
      if (progress.phase != Phase::denoise) return;
      if (!meter) meter.emplace();  // reported before the first step, when the noise is there
      last = meter->read();
    };
    (void)on_device.generate(request, {}, control);
    return last;
  }
};

TEST_F(OnDevice, GivesTheVideoOfTheCpu) {
  const auto expected = generate();
  const auto result = on_device.generate(request);
  EXPECT_TRUE(latents_of(result).is_cpu());
  EXPECT_TRUE(frames_of(result).is_cpu());
  // The same noise and the same arithmetic; convolutions may take another kernel.
  EXPECT_TRUE(at::allclose(latents_of(result), latents_of(expected), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(frames_of(result), frames_of(expected), 1e-5, 1e-6));
}

TEST_F(OnDevice, TheLoopCopiesNothingButTheFreshNoiseOfEachPass) {
  for (const double guidance_scale : {1.0, 3.0}) {
    request.guidance_scale = guidance_scale;
    for (const int passes : {1, 3}) {
      request.free_init.num_iters = passes;
      // Passes before the last say whether they are finite.
      EXPECT_EQ(traffic_of_sampling(),
                (Traffic{.to_device = passes - 1, .scalar_reads = passes - 1}))
          << passes << " passes, guidance " << guidance_scale;
    }
  }
}

TEST_F(OnDevice, WindowsAndTextsThatTravelCopyNothing) {
  request.num_frames = 13;
  request.context.noise = freeinit::LongNoise::shuffle_context;
  request.prompt_at = {{12, "a dog"}};
  EXPECT_EQ(traffic_of_sampling(), (Traffic{.to_device = 1, .scalar_reads = 1}));
  EXPECT_TRUE(at::allclose(latents_of(on_device.generate(request)), latents(), 1e-5, 1e-5));
}

/// Adds up the operators of the network, which are not the loop's.
class MeteredUNet final : public freeinit::VideoUNet {
 public:
  explicit MeteredUNet(std::shared_ptr<const VideoUNet> inner) : inner_(std::move(inner)) {}
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    const auto before = simulated_device::operators();
    at::Tensor output = inner_->predict(input);
    operators += simulated_device::operators() - before;
    return output;
  }

  mutable std::int64_t operators = 0;

 private:
  std::shared_ptr<const VideoUNet> inner_;
};

/// Operators of each step of each pass, those of the network left out.
std::vector<std::int64_t> operators_of_steps(const freeinit::GenerationRequest& request) {
  freeinit::ModelBundle bundle = make_tiny_bundle(simulated_device::device());
  const auto unet = std::make_shared<const MeteredUNet>(bundle.unet());
  bundle = bundle.with(unet);
  std::vector<std::int64_t> found;
  std::int64_t before = 0;
  freeinit::RunControl control;
  control.progress = [&](const Progress& progress) {
    if (progress.phase != Phase::denoise) return;
    const std::int64_t now = simulated_device::operators() - unet->operators;
    if (progress.step > 0) found.push_back(now - before);
    before = now;
  };
  (void)freeinit::TextToVideoPipeline(std::move(bundle)).generate(request, {}, control);
  return found;
}

// Six of the DDIM step; guidance adds the batch of two, a difference, a product and a sum.
TEST_F(OnDevice, AStepIsSixOperatorsAndFourForGuidance) {
  request.num_inference_steps = 3;
  for (const auto& [guidance_scale, operators] :
       std::vector<std::pair<double, std::int64_t>>{{1.0, 6}, {3.0, 6 + 4}}) {
    request.guidance_scale = guidance_scale;
    EXPECT_EQ(operators_of_steps(request), std::vector<std::int64_t>(2 * 3, operators))
        << "guidance " << guidance_scale;
  }
}

TEST_F(OnDevice, EtaAddsOneDrawAStep) {
  request.eta = 0.5;
  request.num_inference_steps = 4;
  const Traffic traffic = traffic_of_sampling();
  EXPECT_EQ(traffic.to_device, 2 * 4 + 1);
  EXPECT_EQ(traffic.to_host, 0);
  EXPECT_EQ(traffic.scalar_reads, 1);
}

TEST_F(OnDevice, LatentsFromAnotherDeviceAreRefused) {
  const auto& unet = *on_device.bundle().unet();
  EXPECT_ERROR(invalid_argument,
               "latents on cpu and text on cpu: the network is on privateuseone:0",
               unet.predict({at::zeros({1, 4, 4, 8, 8}), 1, at::zeros({1, 12, 8})}));
}

}  // namespace simulated_device_test
