#pragma once

// CUDA graphs: the hundreds of small kernels of a UNet call become one launch. Empty where the
// build leaves it out (FREEINIT_WITH_CUDA_GRAPHS, which needs a LibTorch with CUDA).

#ifdef FREEINIT_WITH_CUDA_GRAPHS

#include <freeinit/impl/networks/torchscript_module_inl.hpp>
#include <freeinit/impl/networks/unet_call_inl.hpp>
#include <freeinit/networks/video_unet.hpp>

#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// A UNet on CUDA whose calls are recorded once for each shape and then replayed.
///
/// A graph reads and writes fixed memory, so inputs are copied in and the result is copied out, on
/// the caller's stream. The timestep is an input like the others: one graph serves all steps.
class CudaGraphUNet final : public VideoUNet {
 public:
  /// `plain`: the same network without graphs, for calls that reuse features.
  CudaGraphUNet(TorchScriptModule module, std::unique_ptr<const VideoUNet> plain)
      : module_(std::move(module)),
        inputs_(module_.device(), module_.dtype()),
        plain_(std::move(plain)) {}

  [[nodiscard]] at::Tensor predict(const UNetInput& input) const override {
    const c10::InferenceMode guard;
    const c10::cuda::CUDAGuard device(module_.device());
    const auto inputs = inputs_(spec(), input);
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
  [[nodiscard]] const UNetSpec& spec() const noexcept override { return plain_->spec(); }

 private:
  struct Recording {
    std::vector<at::Tensor> inputs;
    at::Tensor output;
    std::unique_ptr<at::cuda::CUDAGraph> graph;
  };
  /// With and without guidance.
  static constexpr std::size_t kKept = 2;
  /// Calls before recording: kernels are chosen and workspaces made, which a recording may not do.
  static constexpr int kWarmUpCalls = 3;

  [[nodiscard]] const Recording& recording_for(const std::vector<at::Tensor>& inputs) const {
    for (const Recording& known : recordings_) {
      if (known.inputs[0].sizes() == inputs[0].sizes() &&
          known.inputs[2].sizes() == inputs[2].sizes()) {
        return known;
      }
    }
    if (recordings_.size() == kKept) recordings_.pop_front();
    return recordings_.emplace_back(record(inputs));
  }

  [[nodiscard]] Recording record(const std::vector<at::Tensor>& inputs) const {
    Recording recording{
        .inputs = {}, .output = {}, .graph = std::make_unique<at::cuda::CUDAGraph>()};
    for (const at::Tensor& input : inputs) {
      recording.inputs.push_back(at::empty_like(input).copy_(input));
    }
    // Recording needs a stream of its own, behind and ahead of the caller's.
    const auto caller = c10::cuda::getCurrentCUDAStream();
    const auto side =
        c10::cuda::getStreamFromPool(/*isHighPriority=*/false, module_.device().index());
    c10::cuda::CUDAEvent before, after;
    before.record(caller);
    before.block(side);
    {
      const c10::cuda::CUDAStreamGuard on_side(side);
      for (int i = 0; i < kWarmUpCalls; ++i) (void)module_(recording.inputs);
      recording.graph->capture_begin();
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
  UNetInputs inputs_;
  std::unique_ptr<const VideoUNet> plain_;
  mutable std::mutex mutex_;  ///< one memory for all calls of a shape
  mutable std::list<Recording> recordings_;
};

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI

#endif
