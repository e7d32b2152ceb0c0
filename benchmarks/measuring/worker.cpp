// freeinit in one process: reads a job a line from stdin, answers with JSON a line; the protocol
// is that of worker.py. `generate` always says how much of its time the networks took; their CPU
// seconds (`parts`) on a CPU alone. One job more:
//
//     {"job": "operators", ...}    as "unet"; `operators`: the self time of each, in seconds
//
//     compare_worker BUNDLE THREADS BACKEND DEVICE
//
// BACKEND: torchscript, winograd, openvino, int8, bfloat16 or float16-weights. DEVICE: cpu,
// cuda or cuda:N. The dtype is the bundle's.
#include "operator_times.hpp"

#include <freeinit/core/error.hpp>
#include <freeinit/core/freed_memory.hpp>
#include <freeinit/pipeline/text_to_video_pipeline.hpp>
#include <freeinit/tensors/tensor_file.hpp>

#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <c10/core/Event.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

/// Waits for what was queued on a device: calls there return before they are done.
void synchronize(at::Device device) {
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

/// Adds up the time inside a network. On a device it queues an event before and after each call: to
/// wait there for the clock would hold up the run that is measured.
class NetworkTime {
 public:
  explicit NetworkTime(at::Device device) : device_(device) {}

  template <typename Call>
  auto operator()(const Call& call) {
    if (!device_.is_cpu()) return between_events(call);
    const auto start = Clock::now();
    const double cpu_start = cpu_seconds();
    auto result = call();
    seconds_ += seconds_since(start);
    cpu_seconds_ += cpu_seconds() - cpu_start;
    return result;
  }

  /// Of the calls since it was last asked; on a device they must be done.
  double take() {
    for (const auto& [before, after] : events_) seconds_ += 1e-3 * before.elapsedTime(after);
    events_.clear();
    cpu_seconds_ = 0.0;
    return std::exchange(seconds_, 0.0);
  }

  /// As `take`, on a CPU; before it.
  double on_processor() const { return cpu_seconds_; }

 private:
  template <typename Call>
  auto between_events(const Call& call) {
    const auto timing = c10::EventFlag::BACKEND_DEFAULT;
    const auto stream = at::accelerator::getCurrentStream(device_.index());
    auto& [before, after] = events_.emplace_back(c10::Event(device_.type(), timing),
                                                 c10::Event(device_.type(), timing));
    before.record(stream);
    auto result = call();
    after.record(stream);
    return result;
  }

  at::Device device_;
  double seconds_ = 0.0;
  double cpu_seconds_ = 0.0;
  std::vector<std::pair<c10::Event, c10::Event>> events_;
};

using SharedTime = std::shared_ptr<NetworkTime>;

/// By the names of `parts`.
using NetworkTimes = std::map<std::string, SharedTime>;

class TimedUNet final : public freeinit::VideoUNet {
 public:
  TimedUNet(std::shared_ptr<const VideoUNet> inner, SharedTime time)
      : inner_(std::move(inner)), time_(std::move(time)) {}
  at::Tensor predict(const freeinit::UNetInput& input) const override {
    return (*time_)([&] { return inner_->predict(input); });
  }
  bool can_reuse_features() const noexcept override { return inner_->can_reuse_features(); }
  freeinit::DeepPrediction predict_deep(const freeinit::UNetInput& input) const override {
    return (*time_)([&] { return inner_->predict_deep(input); });
  }
  at::Tensor predict_shallow(const freeinit::UNetInput& input,
                             const at::Tensor& deep) const override {
    return (*time_)([&] { return inner_->predict_shallow(input, deep); });
  }

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

freeinit::ModelBundle timed(freeinit::ModelBundle bundle, const NetworkTimes& times) {
  const auto& text = times.at("text");
  bundle = bundle.with(std::make_shared<TimedUNet>(bundle.unet(), times.at("unet")));
  bundle = bundle.with(std::make_shared<TimedTextEncoder>(bundle.text_encoder(), text));
  bundle =
      bundle.with(std::make_shared<TimedAutoencoder>(bundle.autoencoder(), times.at("decode")));
  return bundle;
}

double peak_resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0.0;
    if (word == "VmHWM:" && status >> kib) return kib / 1024.0;
  }
  return 0.0;
}

/// On a device what LibTorch's allocator has reserved, torch.cuda.max_memory_reserved in Python.
double peak_device_mib(at::Device device) {
  const auto stats = at::accelerator::getDeviceStats(device.index());
  const auto all = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return static_cast<double>(stats.reserved_bytes[all].peak) / (1 << 20);
}

/// Runs `call` between two readings of the clocks.
template <typename Call>
json clocked(at::Device device, const Call& call) {
  synchronize(device);
  const auto start = Clock::now();
  const double cpu_start = cpu_seconds();
  call();
  synchronize(device);
  return {{"seconds", seconds_since(start)},
          {"cpu_seconds", cpu_seconds() - cpu_start},
          {"peak_mib", device.is_cpu() ? peak_resident_mib() : peak_device_mib(device)}};
}

void save_if_asked(const json& job, const at::Tensor& latents) {
  const std::string file = job.value("output", "");
  if (!file.empty()) freeinit::save_tensors(file, {{"latents", latents}});
}

freeinit::GenerationRequest request_of(const json& job, const freeinit::Manifest& manifest) {
  freeinit::GenerationRequest request = manifest.recommended;
  request.prompt = job.at("prompt");
  request.negative_prompt = "";
  request.seed = job.at("seed");
  request.num_frames = job.at("num_frames");
  request.height = job.at("height");
  request.width = job.at("width");
  request.num_inference_steps = job.at("num_inference_steps");
  request.guidance_scale = job.at("guidance_scale");
  request.eta = 0.0;       // as peers, whatever the bundle recommends;
  request.free_init = {};  // and FreeInit's defaults
  request.free_init.num_iters = job.at("num_iters");
  request.free_init.fast_sampling = job.value("fast_sampling", false);
  if (job.contains("intermediate_steps")) {
    request.free_init.intermediate = {.result = freeinit::IntermediateResult::prediction,
                                      .steps = job["intermediate_steps"].get<std::int64_t>()};
  }
  if (job.contains("decode_chunk_size")) request.decode_chunk_size = job["decode_chunk_size"];
  request.cache_interval = job.value("cache_interval", 1);
  if (job.contains("guidance_interval")) {
    const auto& interval = job["guidance_interval"];
    request.guidance_interval = {interval.at(0), interval.at(1)};
  }
  return request;
}

json unet_call(const json& job, const freeinit::ModelBundle& bundle) {
  const std::string file = job.at("input");
  const auto input = [&](const char* name) {
    return freeinit::load_tensor(file, name).to(bundle.device(), bundle.dtype());
  };
  const at::Tensor latents = input("latents");
  const at::Tensor text = input("text");
  const double timestep = job.at("timestep");
  at::Tensor output;
  json result = clocked(bundle.device(), [&] {
    output = bundle.unet()->predict({latents, timestep, text});
  });
  save_if_asked(job, output);
  return result;
}

json profiled_unet_call(const json& job, const freeinit::ModelBundle& bundle) {
  const OperatorTimes times;
  json result = unet_call(job, bundle);
  result["operators"] = times.seconds();
  return result;
}

json generation(const json& job, const freeinit::TextToVideoPipeline& pipeline,
                const NetworkTimes& networks) {
  const auto request = request_of(job, pipeline.bundle().manifest());
  for (const auto& [name, time] : networks) time->take();  // calls of earlier jobs
  freeinit::GenerationResult generated;
  json result =
      clocked(pipeline.bundle().device(), [&] { generated = pipeline.generate(request); });
  double network_seconds = 0.0;
  for (const auto& [name, time] : networks) {
    if (job.value("parts", false)) result["parts"][name] = time->on_processor();
    network_seconds += time->take();
  }
  result["network_seconds"] = network_seconds;
  result["unet_calls"] = generated.unet_calls();
  save_if_asked(job, generated.videos[0].latents);
  return result;
}

json answer(const json& job, const freeinit::TextToVideoPipeline& pipeline,
            const NetworkTimes& networks) {
  if (job.at("job") == "unet") return unet_call(job, pipeline.bundle());
  if (job.at("job") == "operators") return profiled_unet_call(job, pipeline.bundle());
  return generation(job, pipeline, networks);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 5) {
      std::cerr << "usage: compare_worker BUNDLE THREADS BACKEND DEVICE\n";
      return 2;
    }
    freeinit::keep_freed_memory();  // as the command does
    at::set_num_threads(std::stoi(argv[2]));
    const auto start = Clock::now();
    freeinit::BundleOptions options;
    options.backend = argv[3];
    options.device = freeinit::device_from_string(argv[4]);
    NetworkTimes networks;
    for (const char* name : {"text", "unet", "decode"}) {
      networks.emplace(name, std::make_shared<NetworkTime>(options.device));
    }
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
