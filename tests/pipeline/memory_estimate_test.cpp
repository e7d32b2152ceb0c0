#include "pipeline/tiny_pipeline.hpp"

#include <freeinit/pipeline/memory_estimate.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>

namespace memory_estimate_test {

using freeinit::GenerationRequest;
using freeinit::Manifest;
using freeinit::MemoryEstimate;

/// Weights, calls and latents of different orders of ten, so that a sum shows its parts.
class Memory : public TinyPipeline {
 protected:
  Memory() {
    manifest.memory = {{"text_encoder", {.weights = 1, .call = 20, .per_latent = 0}},
                       {"unet", {.weights = 300, .call = 4000, .per_latent = 100'000}},
                       {"vae_decoder", {.weights = 50'000, .call = 0, .per_latent = 1'000'000}},
                       {"vae_encoder", {.weights = 600'000, .call = 7, .per_latent = 2'000'000}}};
  }

  [[nodiscard]] MemoryEstimate estimate(bool low_memory = false, bool encodes = false) const {
    return estimate_memory(manifest, request, {.backend = "torchscript", .low_memory = low_memory},
                           {.heap = heap, .encodes_video = encodes})
        .value();
  }
  /// How much more a stage takes after a change of the request.
  [[nodiscard]] std::int64_t more(std::int64_t MemoryEstimate::*stage,
                                  const std::function<void(GenerationRequest&)>& change) {
    const std::int64_t before = estimate().*stage;
    const GenerationRequest former = request;
    change(request);
    const std::int64_t after = estimate().*stage;
    request = former;
    return after - before;
  }

  Manifest manifest = freeinit::read_manifest(tiny_bundle_folder());
  freeinit::HeapOverhead heap{.first_use = 0, .waste = 0.0, .left_over = 0.0};
};

TEST_F(Memory, IsUnknownForABundleThatDoesNotTell) {
  manifest.memory.clear();
  EXPECT_FALSE(estimate_memory(manifest, request, {}, {}).has_value());
}

TEST_F(Memory, OfTheUNetIsThatOfItsLatents) {
  // 4 frames of 8x8 latents, with and without the text.
  EXPECT_EQ(estimate().denoise, 1 + 300 + 50'000 + 4000 + 2 * 4 * 64 * 100'000);
  EXPECT_EQ(estimate(true).denoise, 300 + 4000 + 2 * 4 * 64 * 100'000);
  EXPECT_EQ(more(&MemoryEstimate::denoise, [](auto& r) { r.guidance_scale = 1; }),
            -4 * 64 * 100'000);
  EXPECT_EQ(more(&MemoryEstimate::denoise, [](auto& r) { r.context.length = 2; }),
            -2 * 2 * 64 * 100'000);
  EXPECT_EQ(more(&MemoryEstimate::denoise, [](auto& r) { r.num_videos = 9; }), 0);
}

// The samples of a large batch go one after another on a CPU, but what a feature cache keeps is of
// all.
TEST_F(Memory, OfALargeUNetCallIsThatOfOneSample) {
  request.height = request.width = 204;  // 4 frames of 102x102 latents: two samples are too many
  constexpr std::int64_t kSample = std::int64_t{4 * 102 * 102} * 100'000;
  const auto unguided = [](auto& r) { r.guidance_scale = 1; };
  EXPECT_EQ(more(&MemoryEstimate::denoise, unguided), 0);
  EXPECT_EQ(more(&MemoryEstimate::denoise, [](auto& r) { r.cache_interval = 2; }), kSample);
  request.height = request.width = 180;  // 4 frames of 90x90
  EXPECT_EQ(more(&MemoryEstimate::denoise, unguided), -std::int64_t{4 * 90 * 90} * 100'000);
  request.height = request.width = 204;
  const auto on_gpu = [this](const GenerationRequest& asked) {
    return estimate_memory(manifest, asked, {.device = at::kCUDA, .backend = "torchscript"}, {})
        .value()
        .denoise;
  };
  GenerationRequest alone = request;
  unguided(alone);
  EXPECT_EQ(on_gpu(request) - on_gpu(alone), kSample);
}

// OpenVINO keeps weights beside the graph, which is what a manifest names.
TEST_F(Memory, OfAUNetWithAFileOfItsOwnIsThatOfItsWeights) {
  manifest.files["other/unet.xml"] = {.bytes = 7'000'000, .sha256 = ""};
  manifest.files["other/unet.bin"] = {.bytes = 9'000'000, .sha256 = ""};
  const auto denoise = [this](const char* backend) {
    manifest.unet_backends[backend].file = "other/unet.xml";
    return estimate_memory(manifest, request, {.backend = backend}, {.heap = heap}).value().denoise;
  };
  const std::int64_t others = estimate().denoise - 300;
  EXPECT_EQ(denoise("openvino"), others + 300);
  EXPECT_EQ(denoise("int8"), others + 9'000'000);
  manifest.files.erase("other/unet.bin");
  EXPECT_EQ(denoise("int8"), others + 300);
}

// A large file is mapped on a CPU, and what is float16 in it stays so.
TEST_F(Memory, OfANetworkInALargeFileIsAtMostTheFile) {
  constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;
  const auto weights = [&](const std::string& file, std::uint64_t mebibytes, at::Device device) {
    manifest.files[file].bytes = mebibytes << 20U;
    return estimate_memory(manifest, request, {.device = device, .backend = "torchscript"},
                           {.heap = heap, .encodes_video = true})
               .value()
               .denoise /
           kMebibyte;
  };
  for (const auto& [name, file] :
       {std::pair("unet", "unet.pt"), std::pair("text_encoder", "text_encoder.pt"),
        std::pair("vae_decoder", "vae_decoder.pt"), std::pair("vae_encoder", "vae_encoder.pt")}) {
    const auto former = manifest.memory;
    manifest.memory[name].weights = 0;
    const std::int64_t others = weights(file, 0, at::kCPU);
    manifest.memory[name].weights = 100 * kMebibyte;
    EXPECT_EQ(weights(file, 60, at::kCPU), others + 60) << name;
    EXPECT_EQ(weights(file, 200, at::kCPU), others + 100) << "in float32 already";
    EXPECT_EQ(weights(file, 31, at::kCPU), others + 100) << "not mapped";
    EXPECT_EQ(weights(file, 60, at::kCUDA), others + 100) << "not mapped";
    manifest.files[file].bytes = 0;
    manifest.memory = former;
  }
}

TEST_F(Memory, OfTheDecoderIsThatOfAChunkOfTiles) {
  const auto decoder = [this] { return estimate().decode - estimate().write; };
  EXPECT_EQ(decoder(), 4 * 64 * 1'000'000);  // all frames: they are small
  request.decode_chunk_size = 1;
  EXPECT_EQ(decoder(), 64 * 1'000'000);
  request.vae_tiling = {.enabled = true, .tile_size = 8};
  EXPECT_EQ(decoder(), 16 * 1'000'000);
  request.height = request.width = 512;
  EXPECT_EQ(decoder(), 16 * 1'000'000);
}

TEST_F(Memory, OfTheOtherStages) {
  EXPECT_EQ(estimate().text, 300 + 1 + 50'000 + 20);
  EXPECT_EQ(estimate(true).text, 300 + 1 + 20);
  EXPECT_EQ(estimate().encode, 0);
  EXPECT_GT(estimate(false, true).encode, 4 * 64 * 2'000'000);
  EXPECT_EQ(estimate(false, true).denoise - estimate().denoise, 600'000) << "the encoder stays";
  EXPECT_EQ(estimate(true, true).denoise, estimate(true).denoise);
  EXPECT_EQ(estimate().peak(), estimate().decode);
}

TEST_F(Memory, TheHeapWastesAPartOfACall) {
  const std::int64_t bare = estimate().denoise;
  const std::int64_t call = 4000 + 2 * 4 * 64 * 100'000;
  heap = {.first_use = 7, .waste = 0.5, .left_over = 0.0};
  EXPECT_EQ(estimate().denoise, bare + 7 + call / 2);
  heap.most_waste = 99;
  EXPECT_EQ(estimate().denoise, bare + 7 + 99);
}

TEST_F(Memory, TheDecoderDoesNotFitIntoAllThatTheUNetLeft) {
  const auto more_of_decoding = [this](double share) {
    const std::int64_t bare = estimate().decode;
    heap.left_over = share;
    const std::int64_t more = estimate().decode - bare;
    heap.left_over = 0.0;
    return more;
  };
  EXPECT_EQ(more_of_decoding(0.5), (4000 + 2 * 4 * 64 * 100'000) / 2) << "a call of the UNet";
  request.decode_chunk_size = 1;
  request.vae_tiling = {.enabled = true, .tile_size = 8};
  EXPECT_EQ(more_of_decoding(0.5), 16 * 1'000'000 / 2) << "all that the decoder asks for";
}

TEST_F(Memory, IsTheLargestNumberWhereNoneHoldsIt) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  for (auto& [name, network] : manifest.memory) network.per_latent = kMost / 2;
  heap = freeinit::HeapOverhead::keeping();
  const MemoryEstimate most = estimate(false, true);
  for (const std::int64_t stage : {most.encode, most.denoise, most.decode, most.peak()}) {
    EXPECT_EQ(stage, kMost);
  }
  for (auto& [name, network] : manifest.memory) network.weights = kMost;
  EXPECT_EQ(estimate(false, true).text, kMost);
  request.height = request.width = 16384;
  request.num_frames = 1'000'000;
  request.decode_chunk_size = 1'000'000;
  EXPECT_EQ(estimate().decode, kMost);
}

TEST_F(Memory, CallsAreKnownBeforehand) {
  for (const auto& change : std::vector<std::function<void(GenerationRequest&)>>{
           [](auto&) {}, [](auto& r) { r.num_videos = 2; },
           [](auto& r) { r.free_init.fast_sampling = true; }, [](auto& r) { r.sampler = "heun"; },
           [](auto& r) { r.free_init.budget_calls = 5; }}) {
    GenerationRequest asked = request;
    change(asked);
    EXPECT_EQ(planned_calls(asked, manifest), pipeline.generate(asked).unet_calls());
  }
  request.real_video.source = freeinit::VideoNoiseSource::invert;
  inputs.video_latents = latents();
  EXPECT_EQ(planned_calls(request, manifest, inputs),
            pipeline.generate(request, inputs).unet_calls());
}

}  // namespace memory_estimate_test
