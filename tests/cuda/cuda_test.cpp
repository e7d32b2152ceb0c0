// What only a CUDA device can show. The CPU is the reference: its numbers are diffusers'.
#include "pipeline/tiny_pipeline.hpp"

#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cuda_test {

const freeinit::LatentShape kShape{
    .batch = 1, .channels = 4, .frames = 16, .height = 16, .width = 16};

class Cuda : public testing::Test {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  }
};

/// Counts what makes the host wait for the device, or the device for the host.
class HostTraffic {
 public:
  HostTraffic() {
    auto callback = at::RecordFunctionCallback(count).needsInputs(true);
    handle_ = at::addGlobalCallback(callback.scopes({at::RecordScope::FUNCTION}));
    calls() = 0;
  }
  ~HostTraffic() { at::removeCallback(handle_); }
  HostTraffic(const HostTraffic&) = delete;
  HostTraffic& operator=(const HostTraffic&) = delete;

  [[nodiscard]] int read() const { return calls(); }

 private:
  static std::atomic<int>& calls() {
    static std::atomic<int> calls;
    return calls;
  }
  static bool crosses(c10::ArrayRef<const c10::IValue> inputs) {
    return inputs.size() > 1 && inputs[0].isTensor() && inputs[1].isTensor() &&
           inputs[0].toTensor().is_cuda() != inputs[1].toTensor().is_cuda();
  }
  static std::unique_ptr<at::ObserverContext> count(const at::RecordFunction& function) {
    const std::string_view name = function.name();
    const bool waits = name == "aten::_local_scalar_dense" ||
                       (name == "aten::copy_" && crosses(function.inputs()));
    if (waits) ++calls();
    return nullptr;
  }

  at::CallbackHandle handle_;
};

/// Three passes of four steps around a network in `dtype`.
at::Tensor run(at::Device device, const freeinit::SamplerConfig& config,
               at::ScalarType dtype = at::kFloat) {
  const at::Tensor pattern =
      freeinit::NoiseSource(std::uint64_t{3}).draw(kShape.sizes()).to(device, dtype);
  const auto network = [&](const at::Tensor& latents, double) {
    EXPECT_EQ(latents.scalar_type(), at::kFloat);
    return latents.to(dtype).mul(0.5).add(pattern).to(at::kFloat);
  };
  return freeinit::free_init(network, freeinit::NoiseSchedule(config),
                             {.shape = kShape, .num_inference_steps = 4, .device = device},
                             freeinit::NoiseSource(std::uint64_t{1}))
      .latents;
}

TEST_F(Cuda, EverySamplerGivesTheLatentsOfTheCpu) {
  for (const auto& row : freeinit::sampler_table()) {
    const freeinit::SamplerConfig config{.sampler = std::string(row.name)};
    const at::Tensor found = run(at::kCUDA, config);
    EXPECT_TRUE(found.is_cuda()) << row.name;
    EXPECT_TRUE(found.cpu().allclose(run(at::kCPU, config), 1e-4, 1e-4)) << row.name;
  }
}

TEST_F(Cuda, NetworksInHalfPrecisionKeepLatentsInFloat32) {
  for (const auto dtype : {at::kHalf, at::kBFloat16}) {
    const at::Tensor found = run(at::kCUDA, {}, dtype);
    EXPECT_EQ(found.scalar_type(), at::kFloat);
    EXPECT_TRUE(found.cpu().allclose(run(at::kCPU, {}), 5e-2, 5e-2)) << dtype;
  }
}

// The first noise, the pattern, the mask, and the fresh noise of passes 2 and 3; whether each pass
// is finite.
TEST_F(Cuda, TheLoopCopiesOnlyNoise) {
  (void)run(at::kCUDA, {});
  const HostTraffic traffic;
  (void)run(at::kCUDA, {});
  EXPECT_EQ(traffic.read(), 1 + 1 + 1 + 2 + 3);
}

TEST_F(Cuda, ThePipelineGivesTheVideoOfTheCpu) {
  const auto on_cpu = make_tiny_pipeline();
  const auto on_device = make_tiny_pipeline(at::kCUDA);
  auto request = on_cpu.bundle().manifest().recommended;
  request.prompt = "a cat";
  for (const double guidance_scale : {1.0, 3.0}) {
    request.guidance_scale = guidance_scale;
    const auto expected = on_cpu.generate(request);
    const auto found = on_device.generate(request);
    EXPECT_TRUE(latents_of(found).allclose(latents_of(expected), 1e-4, 1e-4));
    EXPECT_TRUE(frames_of(found).allclose(frames_of(expected), 1e-3, 1e-3));
  }
}

class CudaGraphs : public Cuda {
 protected:
  void SetUp() override {
    Cuda::SetUp();
    if (!IsSkipped() && !freeinit::unet_backend("cuda-graphs").is_built())
      GTEST_SKIP() << "built without";
  }

  static std::unique_ptr<const freeinit::VideoUNet> load(const std::string& backend) {
    return freeinit::load_unet(tiny_bundle_folder(), make_tiny_bundle().manifest(), backend,
                               at::kCUDA);
  }
  static freeinit::UNetInput input(std::int64_t frames, double timestep) {
    const at::Tensor latents =
        freeinit::NoiseSource(std::uint64_t{5}).draw({2, 4, frames, 8, 8}).to(at::kCUDA);
    const at::Tensor text = at::full({2, tiny_bundle::kTextLength, tiny_bundle::kTextWidth}, 0.1,
                                     at::TensorOptions(at::kCUDA));
    return {latents, timestep, text};
  }
};

TEST_F(CudaGraphs, GiveWhatTorchScriptGivesForEveryShape) {
  const auto graphs = load("cuda-graphs");
  const auto reference = load("torchscript");
  for (const std::int64_t frames : {4, 6, 4}) {
    for (const double timestep : {900.0, 20.0}) {
      EXPECT_TRUE(graphs->predict(input(frames, timestep))
                      .allclose(reference->predict(input(frames, timestep)), 1e-5, 1e-5))
          << frames << " frames at " << timestep;
    }
  }
}

TEST_F(CudaGraphs, ServeSeveralThreads) {
  const auto graphs = load("cuda-graphs");
  const at::Tensor expected = load("torchscript")->predict(input(4, 500.0));
  std::vector<at::Tensor> found(4);
  std::vector<std::thread> threads;
  for (at::Tensor& result : found) {
    threads.emplace_back([&] {
      for (int i = 0; i < 8; ++i) result = graphs->predict(input(4, 500.0)).cpu();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const at::Tensor& result : found) EXPECT_TRUE(result.allclose(expected.cpu(), 1e-5, 1e-5));
}

}  // namespace cuda_test
