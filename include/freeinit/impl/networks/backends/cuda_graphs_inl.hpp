#pragma once

// CUDA graphs: the hundreds of small kernels of a UNet call become one launch. Empty where the
// build leaves it out (FREEINIT_WITH_CUDA_GRAPHS, which needs a LibTorch with CUDA).

#ifdef FREEINIT_WITH_CUDA_GRAPHS

#include <freeinit/impl/networks/backends/loaders_inl.hpp>
#include <freeinit/impl/networks/torchscript_unet_inl.hpp>

#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// A UNet on CUDA whose calls are recorded once for each stream and shape and then replayed.
///
/// A graph reads and writes fixed memory, so inputs are copied in and the result is copied out, on
/// the caller's stream; work on another stream is not ordered with them, so that each stream has a
/// graph and memory of its own. The timestep is an input like the others: one graph serves all
/// steps.
class CudaGraphsUNet final : public VideoUNet {
 public:
  CudaGraphsUNet(TorchScriptModule module, UNetSpec spec)
      : module_(std::move(module)),
        spec_(std::move(spec)),
        inputs_(module_.device(), module_.dtype()),
        plain_(torchscript_unet(module_, spec_)) {}

  [[nodiscard]] at::Tensor predict(const UNetInput& input) const override {
    const c10::InferenceMode guard;
    const c10::cuda::CUDAGuard device(module_.device());
    const auto inputs = inputs_(spec_, input);
    const std::lock_guard lock(mutex_);
    try {
      const Recording& recording = recording_for(inputs);
      for (std::size_t i = 0; i < inputs.size(); ++i) recording.inputs[i].copy_(inputs[i]);
      recording.graph->replay();
      check_unet_output(module_.name(), recording.output.sizes(), input.latents.sizes());
      return recording.output.to(input.latents.scalar_type(), /*non_blocking=*/false,
                                 /*copy=*/true);
    } catch (...) {
      rethrow_as_error(ErrorCode::model, module_.name() + ": CUDA graph failed");
    }
  }

  [[nodiscard]] bool can_reuse_features() const noexcept override {
    return plain_->can_reuse_features();
  }
  [[nodiscard]] DeepPrediction predict_deep(const UNetInput& input) const override {
    return plain_->predict_deep(input);
  }
  [[nodiscard]] at::Tensor predict_shallow(const UNetInput& input,
                                           const at::Tensor& deep) const override {
    return plain_->predict_shallow(input, deep);
  }
  void check_input(at::IntArrayRef latents, at::IntArrayRef text) const override {
    plain_->check_input(latents, text);
  }

 private:
  struct Recording {
    c10::cuda::CUDAStream stream;  ///< of the caller
    std::vector<at::Tensor> inputs;
    at::Tensor output;
    std::unique_ptr<at::cuda::CUDAGraph> graph;
  };
  /// Of a stream: with and without guidance.
  static constexpr std::ptrdiff_t kKept = 2;
  /// Calls before recording: kernels are chosen and workspaces made, which a recording may not do.
  static constexpr int kWarmUpCalls = 3;

  [[nodiscard]] const Recording& recording_for(const std::vector<at::Tensor>& inputs) const {
    const auto stream = c10::cuda::getCurrentCUDAStream();
    const auto is_of_stream = [&](const Recording& known) { return known.stream == stream; };
    for (const Recording& known : recordings_) {
      if (is_of_stream(known) && known.inputs[0].sizes() == inputs[0].sizes() &&
          known.inputs[2].sizes() == inputs[2].sizes()) {
        return known;
      }
    }
    if (std::ranges::count_if(recordings_, is_of_stream) == kKept) {
      recordings_.erase(std::ranges::find_if(recordings_, is_of_stream));
    }
    return recordings_.emplace_back(record(inputs, stream));
  }

  [[nodiscard]] Recording record(const std::vector<at::Tensor>& inputs,
                                 const c10::cuda::CUDAStream& caller) const {
    Recording recording{.stream = caller,
                        .inputs = {},
                        .output = {},
                        .graph = std::make_unique<at::cuda::CUDAGraph>()};
    for (const at::Tensor& input : inputs) {
      recording.inputs.push_back(at::empty_like(input).copy_(input));
    }
    // Recording needs a stream of its own, behind and ahead of the caller's.
    const auto side =
        c10::cuda::getStreamFromPool(/*isHighPriority=*/false, module_.device().index());
    c10::cuda::CUDAEvent before, after;
    before.record(caller);
    before.block(side);
    {
      const c10::cuda::CUDAStreamGuard on_side(side);
      for (int i = 0; i < kWarmUpCalls; ++i) (void)module_(recording.inputs);
      // Not the default mode, in which the recording fails when any thread asks for memory.
      recording.graph->capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
      try {
        recording.output = module_(recording.inputs);
      } catch (...) {
        abandon(*recording.graph);
        throw;
      }
      recording.graph->capture_end();
      after.record(side);
    }
    after.block(caller);
    return recording;
  }

  /// A stream that is left recording refuses all later work.
  static void abandon(at::cuda::CUDAGraph& graph) noexcept {
    try {
      graph.capture_end();
    } catch (...) {  // the call's own failure is what the caller hears of
    }
  }

  TorchScriptModule module_;
  UNetSpec spec_;
  UNetInputs inputs_;
  std::unique_ptr<const VideoUNet> plain_;  ///< without graphs, for calls that reuse features
  mutable std::mutex mutex_;                ///< one memory for all calls of a stream and shape
  mutable std::list<Recording> recordings_;
};

FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_cuda_graphs_unet(const NetworkSource& source,
                                                                       const UNetSpec& spec) {
  return std::make_unique<const CudaGraphsUNet>(torchscript_unet_module(source, spec), spec);
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI

#endif
