#include "generate/checkpoint_size.hpp"

#include "generate/prepared_run.hpp"
#include "generate/run_needs.hpp"

#include <freeinit/noise/noise_source.hpp>
#include <freeinit/sampling/noise_schedule.hpp>
#include <freeinit/sampling/sampler_table.hpp>

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace freeinit_cli {
namespace {

using freeinit::Saturated;

/// Headers, texts, the state of a generator: 5 KiB of it in a state, hashes of files in a record.
constexpr std::int64_t kBesideTensors = 16384;

/// The most earlier outputs that the run's sampler keeps: it is walked with a single number.
std::int64_t most_earlier_outputs(const PreparedRun& run) {
  constexpr std::size_t kFarBack = 16;  // further than any method looks
  const auto& request = run.request;
  const freeinit::NoiseSchedule schedule(freeinit::request_config(run.manifest.scheduler, request));
  const auto sampler = freeinit::make_sampler(schedule, request.num_inference_steps, request.eta);
  const at::Tensor zero = at::zeros({1, 1, 1, 1, 1});
  freeinit::NoiseSource noise(std::uint64_t{0});
  auto state = sampler->start(zero);
  std::size_t most = 0;
  for (std::size_t step = 0; step < std::min(sampler->timesteps().size(), kFarBack); ++step) {
    (void)sampler->scale_model_input(state);
    sampler->step(state, zero, noise);
    most = std::max(most, state.history.size());
  }
  return static_cast<std::int64_t>(most);
}

Saturated bytes_of_inputs(const freeinit::GenerationInputs& inputs) {
  Saturated bytes;
  for (const at::Tensor& tensor :
       {inputs.initial_noise, inputs.video_latents, inputs.filter_mask}) {
    if (tensor.defined()) bytes += static_cast<std::int64_t>(tensor.nbytes());
  }
  return bytes;
}

}  // namespace

CheckpointSize checkpoint_size(const PreparedRun& run) {
  const auto& request = run.request;
  const Saturated latents = latent_bytes(run);
  const bool goes_on = request.free_init.num_iters > 1;  // a pass begins beside a result
  const bool partial =
      request.free_init.intermediate.result == freeinit::IntermediateResult::partial;
  const std::int64_t tensors = 2 /* first noise, sample */ + most_earlier_outputs(run) +
                               (goes_on ? 1 : 0) + (goes_on && partial ? 1 : 0);
  // Calls of each pass, and the order of frames in the noise of a long clip.
  const Saturated beside =
      Saturated(kBesideTensors) + 8 * (request.free_init.num_iters + request.num_frames);
  return {.record = bytes_of_inputs(run.inputs) + kBesideTensors +
                    128 * static_cast<std::int64_t>(run.manifest.files.size()),
          .running = latents * tensors + beside,
          .done = latents * 2 /* first noise, result */ + beside};
}

Saturated checkpoint_need(const PreparedRun& run) {
  const auto& left = run.left;
  const auto size = checkpoint_size(run);
  Saturated need = left.keeps_record ? size.record : Saturated();
  if (left.unfinished == 0) return need;
  const Saturated states = size.running * 2 + size.done * (left.unfinished - 1);
  return need + std::max(states.value() - left.kept_bytes, size.running.value());
}

}  // namespace freeinit_cli
