// What one re-initialisation costs at 1x4x16x64x64, on one thread.
//
//   mix_cold, mix_cached      mask and mix; mix alone, with a reinitializer that was kept
//   pass_cold, pass_cached    the same with add_noise and the draw of fresh noise around it: all
//                             work between two passes, what diffusers' _apply_free_init does
//   mask, fft_pair            the mask alone; the bare rfftn and irfftn of the same tensor
//   finite_check              the look for NaN and infinity after a pass
//
// `run.py reinit` runs this beside diffusers and prints the ratios.
#include <freeinit/noise/noise_reinitializer.hpp>
#include <freeinit/noise/noise_source.hpp>
#include <freeinit/sampling/noise_schedule.hpp>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/fft_irfftn.h>
#include <ATen/ops/fft_rfftn.h>
#include <ATen/ops/isfinite.h>
#include <benchmark/benchmark.h>

namespace {

constexpr std::int64_t kShape[] = {1, 4, 16, 64, 64};
constexpr std::int64_t kAxes[] = {-3, -2, -1};

at::Tensor randn(std::uint64_t seed) {
  return freeinit::NoiseSource(seed).draw(kShape);
}

freeinit::NoiseReinitializer make_reinitializer() {
  return {{}, kShape[2], kShape[3], kShape[4]};
}

const freeinit::NoiseSchedule& schedule() {
  static const freeinit::NoiseSchedule instance{
      {.beta_start = 0.00085, .beta_end = 0.012, .clip_sample = false}};
  return instance;
}

void mask(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(freeinit::frequency_filter_mask({}, kShape[2], kShape[3], kShape[4]));
  }
}

void mix_cold(benchmark::State& state) {
  const at::Tensor diffused = randn(1);
  const at::Tensor fresh = randn(2);
  for (auto _ : state) benchmark::DoNotOptimize(make_reinitializer()(diffused, fresh));
}

void mix_cached(benchmark::State& state) {
  const at::Tensor diffused = randn(1);
  const at::Tensor fresh = randn(2);
  const freeinit::NoiseReinitializer reinitialise = make_reinitializer();
  for (auto _ : state) benchmark::DoNotOptimize(reinitialise(diffused, fresh));
}

at::Tensor between_passes(const freeinit::NoiseReinitializer& reinitialise,
                          const at::Tensor& latents, const at::Tensor& original,
                          freeinit::NoiseSource& noise) {
  const at::Tensor diffused = schedule().add_noise(latents, original, 999);
  return reinitialise(diffused, noise.draw(kShape));
}

void pass_cold(benchmark::State& state) {
  const at::Tensor latents = randn(1);
  const at::Tensor original = randn(2);
  freeinit::NoiseSource noise(std::uint64_t{3});
  for (auto _ : state) {
    benchmark::DoNotOptimize(between_passes(make_reinitializer(), latents, original, noise));
  }
}

void pass_cached(benchmark::State& state) {
  const at::Tensor latents = randn(1);
  const at::Tensor original = randn(2);
  freeinit::NoiseSource noise(std::uint64_t{3});
  const freeinit::NoiseReinitializer reinitialise = make_reinitializer();
  for (auto _ : state) {
    benchmark::DoNotOptimize(between_passes(reinitialise, latents, original, noise));
  }
}

void fft_pair(benchmark::State& state) {
  const at::Tensor value = randn(1);
  const at::IntArrayRef sizes = at::IntArrayRef(kShape).slice(2);
  for (auto _ : state) {
    const at::Tensor spectrum = at::fft_rfftn(value, std::nullopt, kAxes);
    benchmark::DoNotOptimize(at::fft_irfftn(spectrum, sizes, kAxes));
  }
}

void finite_check(benchmark::State& state) {
  const at::Tensor latents = randn(1);
  for (auto _ : state) benchmark::DoNotOptimize(at::isfinite(latents).all().item<bool>());
}

BENCHMARK(mask)->Unit(benchmark::kMillisecond);
BENCHMARK(mix_cold)->Unit(benchmark::kMillisecond);
BENCHMARK(mix_cached)->Unit(benchmark::kMillisecond);
BENCHMARK(pass_cold)->Unit(benchmark::kMillisecond);
BENCHMARK(pass_cached)->Unit(benchmark::kMillisecond);
BENCHMARK(fft_pair)->Unit(benchmark::kMillisecond);
BENCHMARK(finite_check)->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(1);
  const at::NoGradGuard no_grad;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
