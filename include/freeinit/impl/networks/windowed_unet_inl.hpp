#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/networks/windowed_unet.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Calls `use(part of the clip, index of its first frame in the window)` for each part [B,C,n,h,w]
/// of a clip [B,C,F,h,w] that a window runs through without a jump back to the first frame.
template <class Use>
void for_each_run(const at::Tensor& clip, const ContextWindow& window, const Use& use) {
  const std::int64_t num_frames = clip.size(2);
  for (std::int64_t done = 0; done < window.length;) {
    const std::int64_t first = (window.first + done * window.stride) % num_frames;
    const std::int64_t left = (num_frames - first + window.stride - 1) / window.stride;
    const std::int64_t count = std::min(window.length - done, left);
    use(clip.slice(2, first, first + (count - 1) * window.stride + 1, window.stride), done);
    done += count;
  }
}

/// The frames of a window, contiguous.
FREEINIT_INLINE at::Tensor frames_of(const at::Tensor& clip, const ContextWindow& window) {
  std::vector<at::Tensor> runs;
  for_each_run(clip, window, [&](const at::Tensor& run, std::int64_t) { runs.push_back(run); });
  return runs.size() == 1 ? runs.front().contiguous() : at::cat(runs, 2);
}

FREEINIT_INLINE at::Tensor weight_tensor(const std::vector<std::vector<double>>& weights,
                                         at::Device device) {
  const auto count = static_cast<std::int64_t>(weights.size());
  const auto length = static_cast<std::int64_t>(weights.front().size());
  at::Tensor tensor = at::empty({count, 1, 1, length, 1, 1}, at::kFloat);
  float* place = tensor.data_ptr<float>();
  for (const std::vector<double>& of_window : weights) {
    for (const double weight : of_window) *place++ = static_cast<float>(weight);
  }
  return tensor.to(device);
}

FREEINIT_INLINE double middle_of(const ContextWindow& window, std::int64_t num_frames) {
  const double middle = static_cast<double>(window.first) +
                        static_cast<double>(window.stride * (window.length - 1)) / 2.0;
  return std::fmod(middle, static_cast<double>(num_frames));
}

}  // namespace detail

FREEINIT_INLINE WindowedUNet::WindowedUNet(std::shared_ptr<const VideoUNet> unet,
                                           const WindowSettings& settings)
    : unet_(std::move(unet)),
      num_frames_(settings.num_frames),
      length_(std::min(settings.options.length.value_or(0), settings.num_frames)) {
  if (!unet_) raise(ErrorCode::invalid_argument, "unet: none; expected one to show windows to");
  if (settings.options.schedule == ContextSchedule::uniform) timesteps_ = settings.timesteps;
  std::sort(timesteps_.begin(), timesteps_.end(), std::greater<>());
  timesteps_.erase(std::unique(timesteps_.begin(), timesteps_.end()), timesteps_.end());
  do {
    const auto step = static_cast<std::int64_t>(steps_.size());
    Step made{.windows = context_windows(settings.options, num_frames_, step), .weights = {}};
    made.weights = detail::weight_tensor(
        context_weights(made.windows, settings.options.fuse, num_frames_), settings.device);
    steps_.push_back(std::move(made));
  } while (steps_.size() < timesteps_.size() && length_ < num_frames_);
}

FREEINIT_INLINE void WindowedUNet::check_num_frames(std::int64_t num_frames) const {
  if (num_frames == num_frames_) return;
  raise(ErrorCode::invalid_argument,
        c10::str("latents of '", num_frames, "' frames: these windows are for ", num_frames_));
}

FREEINIT_INLINE const WindowedUNet::Step& WindowedUNet::step_at(double timestep) const {
  const auto own = std::find_if(timesteps_.begin(), timesteps_.end(),
                                [timestep](double other) { return other <= timestep; });
  const auto step = static_cast<std::size_t>(own - timesteps_.begin());
  return steps_[std::min(step, steps_.size() - 1)];
}

template <class Call>
at::Tensor WindowedUNet::fused(const UNetInput& input, const Call& call) const {
  const at::NoGradGuard no_grad;
  check_num_frames(input.latents.dim() == 5 ? input.latents.size(2) : 0);
  const Step& step = step_at(input.timestep);
  at::Tensor whole;  // float32: sums of half precision would lose what the weights share out
  for (std::size_t i = 0; i < step.windows.size(); ++i) {
    const ContextWindow& window = step.windows[i];
    UNetInput part = input;
    part.text = input.text.at_frame(detail::middle_of(window, num_frames_));
    const bool is_whole = window.length == num_frames_;
    if (!is_whole) part.latents = detail::frames_of(input.latents, window);
    const at::Tensor prediction = call(i, part);
    if (is_whole) return prediction;
    if (!whole.defined()) whole = at::zeros_like(input.latents, at::kFloat);
    const at::Tensor weights = step.weights.select(0, static_cast<std::int64_t>(i));
    detail::for_each_run(whole, window, [&](const at::Tensor& run, std::int64_t from) {
      const std::int64_t count = run.size(2);
      run.addcmul_(prediction.narrow(2, from, count), weights.narrow(2, from, count));
    });
  }
  return whole.to(input.latents.scalar_type());
}

FREEINIT_INLINE at::Tensor WindowedUNet::predict(const UNetInput& input) const {
  return fused(input, [this](std::size_t, const UNetInput& part) { return unet_->predict(part); });
}

FREEINIT_INLINE bool WindowedUNet::can_reuse_features() const noexcept {
  return steps_.size() == 1 && unet_->can_reuse_features();
}

FREEINIT_INLINE DeepPrediction WindowedUNet::predict_deep(const UNetInput& input) const {
  std::vector<at::Tensor> deep;
  at::Tensor output = fused(input, [&](std::size_t, const UNetInput& part) {
    DeepPrediction prediction = unet_->predict_deep(part);
    deep.push_back(std::move(prediction.deep));
    return std::move(prediction.output);
  });
  return {.output = std::move(output), .deep = at::stack(deep)};
}

FREEINIT_INLINE at::Tensor WindowedUNet::predict_shallow(const UNetInput& input,
                                                         const at::Tensor& deep) const {
  return fused(input, [&](std::size_t i, const UNetInput& part) {
    return unet_->predict_shallow(part, deep.select(0, static_cast<std::int64_t>(i)));
  });
}

FREEINIT_INLINE void WindowedUNet::check_input(at::IntArrayRef latents,
                                               at::IntArrayRef text) const {
  std::vector<std::int64_t> window = latents.vec();
  if (window.size() == 5) {
    check_num_frames(window[2]);
    window[2] = length_;
  }
  unet_->check_input(window, text);
}

}  // namespace freeinit::inline FREEINIT_ABI
