// FreeInit inside an application: a worker thread samples with the application's own network, the
// main thread shows progress and has a stop button.
//
//   embed [SECONDS]      stops after SECONDS, default: never

#include <freeinit/core/error.hpp>
#include <freeinit/passes/free_init.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

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
  const freeinit::NoiseSchedule schedule(
      {.beta_start = 0.00085, .beta_end = 0.012, .clip_sample = false, .steps_offset = 1});
  return freeinit::free_init(predict_noise, schedule,
                             {.shape = {1, 4, 16, 32, 32}, .num_inference_steps = 20},
                             freeinit::NoiseSource(42), control);
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
    // "sampling: stopped before the first pass was complete", too
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
