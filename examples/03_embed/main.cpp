// FreeInit inside an application: a worker thread samples with the application's own network, the
// main thread shows progress and has a stop button.
//
//   embed [SECONDS]      stops after SECONDS, default: never

#include <freeinit/core/error.hpp>
#include <freeinit/numerics/ddim_scheduler.hpp>
#include <freeinit/numerics/free_init.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <iostream>
#include <thread>

namespace {

using namespace std::chrono_literals;

/// Stands for the application's network: anything that maps latents and a timestep to the predicted
/// noise.
at::Tensor predict_noise(const at::Tensor& latents, double timestep) {
  std::this_thread::sleep_for(5ms);
  return latents.mul(0.9).sub(0.0001 * timestep).tanh();
}

/// What the window shows. Written by the worker, read by the main thread.
struct Gauge {
  std::atomic<int> pass = 0;
  std::atomic<int> step = 0;
  std::atomic<int> num_steps = 0;
};

freeinit::FreeInitResult sample(std::stop_token stop, Gauge& gauge) {
  freeinit::RunControl control;
  control.stop = std::move(stop);
  control.progress = [&gauge](const freeinit::Progress& progress) {
    if (progress.phase != freeinit::Phase::denoise) return;
    gauge.pass = progress.pass;
    gauge.step = progress.step;
    gauge.num_steps = progress.num_steps;
  };
  freeinit::DdimConfig schedule;
  schedule.beta_start = 0.00085;
  schedule.beta_end = 0.012;
  schedule.clip_sample = false;
  schedule.steps_offset = 1;
  const freeinit::DdimScheduler scheduler(schedule);
  freeinit::FreeInitOptions options;
  options.num_iters = 3;
  freeinit::SamplingOptions sampling;
  sampling.num_inference_steps = 20;
  freeinit::NoiseSource noise(42);
  return freeinit::free_init(predict_noise, scheduler, {1, 4, 16, 32, 32}, options, sampling, noise,
                             at::kFloat, at::kCPU, control);
}

int run(double seconds) {
  Gauge gauge;
  std::stop_source stop_button;
  auto result = std::async(std::launch::async, sample, stop_button.get_token(), std::ref(gauge));

  const auto begin = std::chrono::steady_clock::now();
  while (result.wait_for(50ms) != std::future_status::ready) {
    std::cout << "pass " << gauge.pass + 1 << ": step " << gauge.step << " of " << gauge.num_steps
              << std::endl;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    if (passed.count() > seconds) stop_button.request_stop();
  }
  const freeinit::FreeInitResult video = result.get();
  std::cout << (video.cancelled ? "stopped" : "finished") << " with " << video.completed_passes
            << " complete passes, latents " << video.latents.sizes() << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? std::atof(argv[1]) : 1e9);
  } catch (const freeinit::Error& error) {
    std::cerr << "error: " << error.what() << '\n';  // "stopped before any pass was complete", too
    return static_cast<int>(error.code());
  }
}
