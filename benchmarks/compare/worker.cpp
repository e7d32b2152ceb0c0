// freeinit in one process: reads a job a line from stdin, answers with JSON a line; the protocol
// is that of worker.py. `generate` also says how much of its time the networks took.
//
//     compare_worker BUNDLE THREADS torchscript|openvino|aotinductor|int8|float16-weights [hand-back]
//
// hand-back: without keep_freed_memory(), which every other worker calls as the command does.
#include <freeinit/core/error.hpp>
#include <freeinit/core/freed_memory.hpp>
#include <freeinit/numerics/tensor_file.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <ctime>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of all threads of the process: what a busy machine disturbs less than the clock on the wall.
double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/// Adds up the time inside the networks, whichever they are.
struct NetworkTime {
  double seconds = 0.0;

  template <typename Call>
  auto operator()(const Call& call) {
    const auto start = Clock::now();
    auto result = call();
    seconds += seconds_since(start);
    return result;
  }
};

using SharedTime = std::shared_ptr<NetworkTime>;

class TimedUNet final : public freeinit::VideoUNet {
 public:
  TimedUNet(std::shared_ptr<const VideoUNet> inner, SharedTime time)
      : inner_(std::move(inner)), time_(std::move(time)) {}
  at::Tensor predict(const at::Tensor& latents, std::int64_t timestep, const at::Tensor& text,
                     double fps) const override {
    return (*time_)([&] { return inner_->predict(latents, timestep, text, fps); });
  }
  bool can_reuse_features() const noexcept override { return inner_->can_reuse_features(); }
  freeinit::DeepPrediction predict_deep(const at::Tensor& latents, std::int64_t timestep,
                                        const at::Tensor& text, double fps) const override {
    return (*time_)([&] { return inner_->predict_deep(latents, timestep, text, fps); });
  }
  at::Tensor predict_shallow(const at::Tensor& latents, std::int64_t timestep,
                             const at::Tensor& text, double fps,
                             const at::Tensor& deep) const override {
    return (*time_)([&] { return inner_->predict_shallow(latents, timestep, text, fps, deep); });
  }
  const freeinit::UNetSpec& spec() const noexcept override { return inner_->spec(); }

 private:
  std::shared_ptr<const VideoUNet> inner_;
  SharedTime time_;
};

class TimedTextEncoder final : public freeinit::TextEncoder {
 public:
  TimedTextEncoder(std::shared_ptr<const TextEncoder> inner, SharedTime time)
      : inner_(std::move(inner)), time_(std::move(time)) {}
  at::Tensor encode(const at::Tensor& ids) const override {
    return (*time_)([&] { return inner_->encode(ids); });
  }

 private:
  std::shared_ptr<const TextEncoder> inner_;
  SharedTime time_;
};

class TimedAutoencoder final : public freeinit::Autoencoder {
 public:
  TimedAutoencoder(std::shared_ptr<const Autoencoder> inner, SharedTime time)
      : inner_(std::move(inner)), time_(std::move(time)) {}
  at::Tensor decode(const at::Tensor& latents) const override {
    return (*time_)([&] { return inner_->decode(latents); });
  }
  at::Tensor encode(const at::Tensor& images) const override { return inner_->encode(images); }
  const freeinit::AutoencoderSpec& spec() const noexcept override { return inner_->spec(); }

 private:
  std::shared_ptr<const Autoencoder> inner_;
  SharedTime time_;
};

freeinit::ModelBundle timed(freeinit::ModelBundle bundle, const SharedTime& time) {
  bundle.unet = std::make_shared<TimedUNet>(bundle.unet, time);
  bundle.text_encoder = std::make_shared<TimedTextEncoder>(bundle.text_encoder, time);
  bundle.autoencoder = std::make_shared<TimedAutoencoder>(bundle.autoencoder, time);
  return bundle;
}

double peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0.0;
    if (word == "VmHWM:" && status >> kib) return kib / 1024.0;
  }
  return 0.0;
}

void save_if_asked(const json& job, const at::Tensor& latents) {
  const std::string file = job.value("output", "");
  if (!file.empty()) freeinit::save_tensors(file, {{"latents", latents}});
}

freeinit::GenerationRequest request_of(const json& job, const freeinit::Manifest& manifest) {
  auto request = freeinit::GenerationRequest::from_manifest(manifest);
  request.prompt = job.at("prompt");
  request.negative_prompt = "";
  request.seed = job.at("seed");
  request.num_frames = job.at("num_frames");
  request.height = job.at("height");
  request.width = job.at("width");
  request.num_inference_steps = job.at("num_inference_steps");
  request.guidance_scale = job.at("guidance_scale");
  request.free_init = {};  // as peers: FreeInit's defaults, whatever the bundle recommends
  request.free_init.num_iters = job.at("num_iters");
  request.free_init.fast_sampling = job.value("fast_sampling", false);
  if (job.contains("intermediate_steps")) {
    request.free_init.intermediate = {.result = freeinit::IntermediateResult::prediction,
                                      .steps = job["intermediate_steps"].get<std::int64_t>()};
  }
  request.cache_interval = job.value("cache_interval", 1);
  if (job.contains("guidance_interval")) {
    const auto& interval = job["guidance_interval"];
    request.guidance_interval = {interval.at(0), interval.at(1)};
  }
  return request;
}

json answer(const json& job, const freeinit::TextToVideoPipeline& pipeline,
            const SharedTime& networks) {
  const auto& bundle = pipeline.bundle();
  networks->seconds = 0.0;
  const double cpu_start = cpu_seconds();
  json result;
  at::Tensor latents;
  if (job.at("job") == "unet") {
    const std::string file = job.at("input");
    const at::Tensor input = freeinit::load_tensor(file, "latents");
    const at::Tensor text = freeinit::load_tensor(file, "text");
    latents = bundle.unet->predict(input, job.at("timestep"), text, 8.0);
    result["seconds"] = networks->seconds;
  } else {
    const auto request = request_of(job, bundle.manifest);
    const auto start = Clock::now();
    const auto generated = pipeline.generate(request);
    result["seconds"] = seconds_since(start);
    result["network_seconds"] = networks->seconds;
    result["unet_calls"] = generated.unet_calls;
    latents = generated.latents;
  }
  result["cpu_seconds"] = cpu_seconds() - cpu_start;
  result["peak_mib"] = peak_mib();
  save_if_asked(job, latents);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const bool hand_back = argc == 5 && std::string(argv[4]) == "hand-back";
    if (argc != 4 && !hand_back) {
      std::cerr << "usage: compare_worker BUNDLE THREADS BACKEND [hand-back]\n";
      return 2;
    }
    if (!hand_back) freeinit::keep_freed_memory();
    at::set_num_threads(std::stoi(argv[2]));
    const auto start = Clock::now();
    const auto networks = std::make_shared<NetworkTime>();
    freeinit::BundleOptions options;
    options.backend = freeinit::unet_backend_from_string(argv[3]);
    const freeinit::TextToVideoPipeline pipeline(
        timed(freeinit::ModelBundle::load(argv[1], options), networks));
    std::cout << json{{"load_seconds", seconds_since(start)}} << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << answer(json::parse(line), pipeline, networks) << std::endl;
    }
  } catch (const std::exception& error) {
    std::cerr << "compare_worker: " << error.what() << "\n";
    return 1;
  }
}
