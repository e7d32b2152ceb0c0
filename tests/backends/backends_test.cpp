#include "support/allocation_counter.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/networks/backends/unet_backend.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace backends_test {

/// Largest difference over largest value. Other kernels sum in another order: export compares with
/// 1e-5, and these networks have one convolution.
constexpr double kTolerance = 2e-6;
/// int8: half a step of the 127 on either side of zero, in weights and in activations of one layer.
constexpr double kInt8Tolerance = 1e-2;
/// float16: half a step of its 11 bits in every weight, of which most cancel in a sum.
constexpr double kFloat16Tolerance = 0x1p-11;

double tolerance_of(const std::string& backend) {
  switch (freeinit::unet_backend(backend).weights) {
    case freeinit::WeightStorage::int8:
      return kInt8Tolerance;
    case freeinit::WeightStorage::float16:
      return kFloat16Tolerance;
    case freeinit::WeightStorage::as_exported:
      break;
  }
  return kTolerance;
}

/// As GoogleTest takes it.
std::string name_of(std::string backend) {
  std::ranges::replace(backend, '-', '_');
  return backend;
}

/// The backends of this build that run on a CPU, those with a file of their own alone or all.
std::vector<std::string> backends(bool with_own_file) {
  std::vector<std::string> names;
  for (const auto& backend : freeinit::unet_backends()) {
    if (!backend.is_built() || backend.runtime == freeinit::Runtime::cuda_graphs) continue;
    if (backend.has_own_file() || !with_own_file) names.emplace_back(backend.name);
  }
  return names;
}

bool is_built(const std::string& backend) {
  return freeinit::unet_backend(backend).is_built();
}

std::filesystem::path bundle() {
  return std::getenv("FREEINIT_BACKENDS_BUNDLE");
}

freeinit::Manifest manifest() {
  return freeinit::read_manifest(bundle());
}

std::unique_ptr<const freeinit::VideoUNet> load(const std::string& backend) {
  return freeinit::load_unet(bundle(), manifest(), backend, at::kCPU);
}

at::Tensor latents(at::IntArrayRef sizes) {
  std::int64_t count = 1;
  for (const auto size : sizes) count *= size;
  return at::arange(count, at::kFloat).mul(0.37).sin().reshape(sizes);
}

at::Tensor text(std::int64_t batch, std::int64_t length) {
  return at::arange(batch * length * 8, at::kFloat).cos().reshape({batch, length, 8});
}

double difference(const at::Tensor& value, const at::Tensor& expected) {
  return value.sub(expected).abs().max().div(expected.abs().max()).item<double>();
}

/// The backend under test.
class Backend : public testing::TestWithParam<std::string> {};

TEST_P(Backend, PredictsWhatTorchScriptPredicts) {
  const auto reference = load("torchscript");
  const auto unet = load(GetParam());
  const at::Tensor x = latents({2, 4, 4, 8, 8});
  for (const double timestep : {999, 500, 0}) {
    const at::Tensor expected = reference->predict({x, timestep, text(2, 12)});
    const at::Tensor output = unet->predict({x, timestep, text(2, 12)});
    EXPECT_EQ(output.sizes(), expected.sizes());
    EXPECT_LT(difference(output, expected), tolerance_of(GetParam())) << "timestep " << timestep;
  }
}

TEST_P(Backend, EveryInputReachesTheNetwork) {
  const auto unet = load(GetParam());
  const at::Tensor x = latents({2, 4, 4, 8, 8});
  const at::Tensor base = unet->predict({x, 500, text(2, 12)});
  EXPECT_FALSE(base.equal(unet->predict({x.mul(1.1), 500, text(2, 12)})));
  EXPECT_FALSE(base.equal(unet->predict({x, 501, text(2, 12)})));
  EXPECT_FALSE(base.equal(unet->predict({x, 500, text(2, 12).mul(2)})));
  EXPECT_FALSE(base.equal(unet->predict({x, 500, text(2, 12), 9.0})));
  EXPECT_TRUE(base.equal(unet->predict({x, 500, text(2, 12)})));
}

TEST_P(Backend, TakesTensorsThatAreNotContiguous) {
  const auto unet = load(GetParam());
  const at::Tensor x = latents({2, 4, 4, 8, 8});
  const at::Tensor turned = x.transpose(3, 4).contiguous().transpose(3, 4);
  ASSERT_FALSE(turned.is_contiguous());
  EXPECT_TRUE(unet->predict({x, 5, text(2, 12)}).equal(unet->predict({turned, 5, text(2, 12)})));
}

TEST_P(Backend, ChecksLimitsBeforeTheNetworkRuns) {
  const auto unet = load(GetParam());
  EXPECT_ERROR(invalid_argument, "height 9 is not a multiple of 2; use 8 or 10",
               unet->predict({latents({2, 4, 4, 9, 8}), 5, text(2, 12)}));
  EXPECT_ERROR(invalid_argument, "9 frames; the model does 1 to 8",
               unet->predict({latents({2, 4, 9, 8, 8}), 5, text(2, 12)}));
  EXPECT_ERROR(invalid_argument, "width 7; the model attends to width 8",
               unet->predict({latents({2, 4, 4, 8, 8}), 5, at::zeros({2, 12, 7})}));
}

TEST_P(Backend, ServesSeveralThreads) {
  const auto unet = load(GetParam());
  const at::Tensor x = latents({2, 4, 4, 8, 8});
  const at::Tensor expected = unet->predict({x, 500, text(2, 12)});
  std::vector<at::Tensor> outputs(4);
  std::vector<std::jthread> threads;
  for (at::Tensor& output : outputs) {
    threads.emplace_back([&] { output = unet->predict({x, 500, text(2, 12)}); });
  }
  threads.clear();
  for (const at::Tensor& output : outputs) EXPECT_TRUE(output.equal(expected));
}

TEST_P(Backend, TheWholeVideoIsTheSame) {
  const auto make = [](const std::string& backend) {
    freeinit::TextToVideoPipeline pipeline(
        freeinit::ModelBundle::load(bundle(), {.backend = backend}));
    EXPECT_EQ(pipeline.bundle().backend().name, backend);
    freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
    request.prompt = "a";
    return pipeline.generate(request).videos[0].latents;
  };
  // The tolerance of a whole run: rounding grows over eight steps and two passes.
  EXPECT_LT(difference(make(GetParam()), make("torchscript")), 10 * tolerance_of(GetParam()));
}

TEST_P(Backend, AnotherNetworkIsRefused) {
  const TemporaryFolder folder;
  std::filesystem::copy(bundle(), folder.path(), std::filesystem::copy_options::recursive);
  auto changed = manifest();
  nlohmann::json contract = nlohmann::json::parse(changed.contracts.at("unet"));
  contract["context_dim"] = 768;
  changed.contracts["unet"] = contract.dump();
  EXPECT_ERROR(invalid_file, "'context_dim' is 8 in the file, but manifest.json says 768",
               freeinit::load_unet(folder.path(), changed, GetParam(), at::kCPU));
  const auto file = folder.path() / changed.unet_backends.at(GetParam()).file;
  std::ofstream(file) << "no network";
  EXPECT_ERROR(invalid_file, "not a readable",
               freeinit::load_unet(folder.path(), changed, GetParam(), at::kCPU));
  std::filesystem::remove(file);
  EXPECT_ERROR(not_found, "no such file",
               freeinit::load_unet(folder.path(), changed, GetParam(), at::kCPU));
}

TEST_P(Backend, OtherFormsOfTheUNetNeedNotBeThere) {
  const TemporaryFolder folder;
  std::filesystem::copy(bundle(), folder.path(), std::filesystem::copy_options::recursive);
  const auto known = manifest();
  for (const auto& [name, entry] : known.unet_backends) {
    if (name == GetParam()) continue;
    std::filesystem::remove(folder.path() / entry.file);
    std::filesystem::remove((folder.path() / entry.file).replace_extension(".bin"));
  }
  std::filesystem::remove(folder.path() / known.unet.file);
  EXPECT_NO_THROW((void)freeinit::ModelBundle::load(folder.path(), {.backend = GetParam()}));
  EXPECT_ERROR(not_found, "unet.pt",
               freeinit::ModelBundle::load(folder.path(), {.backend = "torchscript"}));
  std::ofstream(folder.path() / known.unet_backends.at(GetParam()).file, std::ios::app)
      << "altered";
  EXPECT_ERROR(invalid_file, "bytes; the manifest says",
               freeinit::ModelBundle::load(folder.path(), {.backend = GetParam()}));
}

INSTANTIATE_TEST_SUITE_P(All, Backend, testing::ValuesIn(backends(/*with_own_file=*/true)),
                         [](const auto& backend) { return name_of(backend.param); });

class Threads : public testing::TestWithParam<std::string> {};

// What several threads could share by mistake: memory kept between calls, the generator, progress.
TEST_P(Threads, EightOnOnePipelineEachMakeTheVideoOfASingleRun) {
  const std::string refusal =
      freeinit::unet_backend(GetParam()).refusal(manifest(), at::kCPU);  // of this processor
  if (!refusal.empty()) GTEST_SKIP() << refusal;
  const freeinit::TextToVideoPipeline pipeline(
      freeinit::ModelBundle::load(bundle(), {.backend = GetParam(), .low_memory = true}));
  std::vector<freeinit::GenerationRequest> requests;
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
    freeinit::GenerationRequest request = pipeline.bundle().manifest().recommended;
    request.prompt = std::string(seed, 'a');
    request.seed = seed;
    request.num_frames = 1 + static_cast<std::int64_t>(seed % 3);
    request.guidance_scale = seed % 2 == 0 ? 1.0 : 3.0;
    requests.push_back(std::move(request));
  }
  std::vector<freeinit::GenerationResult> alone, together(requests.size());
  for (const auto& request : requests) alone.push_back(pipeline.generate(request));
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    threads.emplace_back([&, i] { together[i] = pipeline.generate(requests[i]); });
  }
  threads.clear();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const freeinit::GeneratedVideo& video = together[i].videos[0];
    EXPECT_TRUE(video.latents.equal(alone[i].videos[0].latents)) << "thread " << i;
    EXPECT_TRUE(video.frames.equal(alone[i].videos[0].frames)) << "thread " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Threads, testing::ValuesIn(backends(/*with_own_file=*/false)),
                         [](const auto& backend) { return name_of(backend.param); });

// One compiled network for all shapes would fail here: OpenVINO 2026.4 is then wrong at a shape
// that follows another.
TEST(OpenVino, ServesEveryShapeInAnyOrder) {
  if (!is_built("openvino")) GTEST_SKIP();
  const auto reference = load("torchscript");
  const auto unet = load("openvino");
  for (const auto& [b, f, h, w] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 8, 8}, {2, 4, 8, 12}, {1, 7, 10, 6}, {1, 1, 8, 8}, {3, 8, 2, 2}}) {
    const at::Tensor x = latents({b, 4, f, h, w});
    EXPECT_LT(
        difference(unet->predict({x, 37, text(b, 12)}), reference->predict({x, 37, text(b, 12)})),
        kTolerance)
        << x.sizes();
  }
}

TEST(OpenVino, WritesToItsLastOutputOnceThatIsLetGo) {
  if (!is_built("openvino")) GTEST_SKIP();
  const auto unet = load("openvino");
  const at::Tensor x = latents({2, 4, 4, 8, 8});
  at::Tensor kept = unet->predict({x, 500, text(2, 12)});
  const at::Tensor copy = kept.clone();
  const void* const second = unet->predict({x, 10, text(2, 12)}).const_data_ptr();
  EXPECT_NE(second, kept.const_data_ptr());
  EXPECT_TRUE(kept.equal(copy)) << "a later call wrote to what the caller holds";
  EXPECT_EQ(unet->predict({x, 10, text(2, 12)}).const_data_ptr(), second);
  const at::Tensor part = unet->predict({x, 10, text(2, 12)}).narrow(0, 0, 1);
  EXPECT_NE(unet->predict({x, 10, text(2, 12)}).const_data_ptr(), part.const_data_ptr());
}

// What it needs for itself OpenVINO takes once; the rest of the call is ours.
TEST(OpenVino, ACallAsksLibTorchForNoMemoryAfterTheFirst) {
  if (!is_built("openvino")) GTEST_SKIP();
  const auto unet = load("openvino");
  const at::Tensor x = latents({2, 4, 4, 8, 8});
  const at::Tensor words = text(2, 12);
  (void)unet->predict({x, 500, words});
  const AllocationCounter counter;
  for (const double timestep : {400, 300}) (void)unet->predict({x, timestep, words});
  EXPECT_EQ(counter.count(), 0);
  const at::Tensor kept = unet->predict({x, 200, words});
  (void)unet->predict({x, 100, words});
  EXPECT_EQ(counter.count(), 1) << "a second output, as the first is in use";
}

TEST(OpenVino, IsTheDefaultOnTheCpu) {
  if (!is_built("openvino")) GTEST_SKIP();
  EXPECT_EQ(freeinit::default_unet_backend(manifest(), at::kCPU).name, "openvino");
  EXPECT_EQ(freeinit::default_unet_backend(manifest(), at::Device(at::kCUDA, 0)).name,
            "torchscript");
}

std::vector<std::string> backends_that_round() {
  auto names = backends(/*with_own_file=*/true);
  std::erase_if(names, [](const std::string& name) { return tolerance_of(name) == kTolerance; });
  return names;
}

class RoundedWeights : public testing::TestWithParam<std::string> {};

TEST_P(RoundedWeights, ServeEveryShapeAndChangeThePrediction) {
  const auto reference = load("torchscript");
  const auto unet = load(GetParam());
  for (const auto& [b, f, h, w] :
       std::vector<std::array<std::int64_t, 4>>{{1, 1, 8, 8}, {2, 4, 8, 12}, {3, 8, 2, 2}}) {
    const at::Tensor x = latents({b, 4, f, h, w});
    const double found =
        difference(unet->predict({x, 37, text(b, 12)}), reference->predict({x, 37, text(b, 12)}));
    EXPECT_GT(found, kTolerance) << "not rounded at " << x.sizes();
    EXPECT_LT(found, tolerance_of(GetParam())) << x.sizes();
  }
}

INSTANTIATE_TEST_SUITE_P(All, RoundedWeights, testing::ValuesIn(backends_that_round()),
                         [](const auto& backend) { return name_of(backend.param); });

TEST(Int8, HasNoSplitNetwork) {
  if (!is_built("int8")) GTEST_SKIP();
  EXPECT_FALSE(load("int8")->can_reuse_features());
}

TEST(Float16Weights, KeepTheSplitNetwork) {
  if (!is_built("float16-weights")) GTEST_SKIP();
  const auto unet = load("float16-weights");
  ASSERT_TRUE(unet->can_reuse_features());
  const at::Tensor x = latents({2, 4, 4, 8, 8});
  const auto whole = unet->predict_deep({x, 37, text(2, 12)});
  EXPECT_TRUE(whole.output.equal(unet->predict({x, 37, text(2, 12)})));
  EXPECT_TRUE(whole.output.equal(unet->predict_shallow({x, 37, text(2, 12)}, whole.deep)));
}

}  // namespace backends_test
