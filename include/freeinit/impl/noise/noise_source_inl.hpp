#pragma once

#include <freeinit/core/checks.hpp>
#include <freeinit/core/error.hpp>
#include <freeinit/noise/noise_source.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Noise to its device. To CUDA from pinned memory, so that the host goes on while it is copied;
/// LibTorch keeps pinned memory until the copy is done.
FREEINIT_INLINE at::Tensor send_noise(const at::Tensor& noise, at::Device device) {
  if (!device.is_cuda()) return noise.to(device);
  return noise.pin_memory().to(device, noise.scalar_type(), /*non_blocking=*/true);
}

FREEINIT_INLINE void check_has_seeds(std::size_t num_seeds) {
  if (num_seeds > 0) return;
  raise(ErrorCode::invalid_argument, "noise source: moved from; expected one that holds its seeds");
}

/// int64 [num_frames]: which drawn frame each frame is. Draws one permutation each `stride` frames.
FREEINIT_INLINE at::Tensor frame_order(LongNoise noise, std::int64_t length, std::int64_t stride,
                                       std::int64_t num_frames, const at::Generator& generator) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(num_frames));
  std::iota(order.begin(), order.end(), 0);
  if (noise == LongNoise::repeat_context) {
    for (std::int64_t& frame : order) frame %= length;
    return at::tensor(order, at::kLong);
  }
  for (std::int64_t first = length; first < num_frames; first += stride) {
    const at::Tensor shuffled = at::randperm(stride, generator, at::kLong);
    const auto* offset = shuffled.const_data_ptr<std::int64_t>();
    const auto earlier = order.begin() + (first - length);
    for (std::int64_t i = 0; i < std::min(stride, num_frames - first); ++i) {
      order[static_cast<std::size_t>(first + i)] = earlier[offset[i]];
    }
  }
  return at::tensor(order, at::kLong);
}

/// The rest of a state behind that of the generator: the schedule and, once drawn, its order.
inline constexpr std::int64_t kScheduleNumbers = 3;

}  // namespace detail

FREEINIT_INLINE NoiseSource::NoiseSource(std::uint64_t seed)
    : NoiseSource(std::vector<std::uint64_t>{seed}) {}

FREEINIT_INLINE NoiseSource::NoiseSource(const std::vector<std::uint64_t>& seeds) {
  if (seeds.empty()) {
    raise(ErrorCode::invalid_argument, "seeds '[]': empty; expected one seed a video");
  }
  for (const std::uint64_t seed : seeds) {
    generators_.push_back(at::detail::createCPUGenerator(seed));
  }
}

FREEINIT_INLINE at::Tensor NoiseSource::draw(at::IntArrayRef shape, at::ScalarType dtype,
                                             at::Device device) {
  if (!at::isFloatingType(dtype)) {
    raise(ErrorCode::invalid_argument,
          c10::str("noise dtype '", dtype, "': not a floating point type"));
  }
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size < 0; })) {
    raise(ErrorCode::invalid_argument,
          c10::str("noise shape '", shape, "': negative size; expected sizes of at least 0"));
  }
  detail::check_has_seeds(num_seeds());
  if (num_seeds() == 1) return detail::send_noise(draw_from(0, shape, dtype), device);

  if (shape.empty() || static_cast<std::size_t>(shape[0]) != num_seeds()) {
    raise(ErrorCode::invalid_argument,
          c10::str("noise shape '", shape,
                   "': first size differs from the number of seeds; expected ", num_seeds()));
  }
  std::vector<std::int64_t> single = shape.vec();
  single[0] = 1;
  std::vector<at::Tensor> parts;
  while (parts.size() < num_seeds()) parts.push_back(draw_from(parts.size(), single, dtype));
  return detail::send_noise(at::cat(parts), device);
}

FREEINIT_INLINE at::Tensor NoiseSource::draw_from(std::size_t index, at::IntArrayRef shape,
                                                  at::ScalarType dtype) {
  const at::Generator& generator = generators_[index];
  at::Tensor noise = at::randn(shape, generator, dtype);
  const auto [kind, length, stride] = schedule_;
  if (kind == LongNoise::random || shape.size() != 5 || shape[2] <= length) return noise;
  orders_.resize(num_seeds());
  at::Tensor& order = orders_[index];
  if (!order.defined() || order.size(0) != shape[2]) {
    order = detail::frame_order(kind, length, stride, shape[2], generator);
  }
  return noise.index_select(2, order);
}

FREEINIT_INLINE void NoiseSource::schedule_frames(const ContextOptions& context) {
  context.validate();
  const std::int64_t length = context.length.value_or(0);
  check_at_least("context length", length, 1);
  schedule_ = {context.noise, length, length - context.overlap.value_or(length / 4)};
  orders_.clear();
}

FREEINIT_INLINE at::Tensor NoiseSource::state() const {
  detail::check_has_seeds(num_seeds());
  const auto& [noise, length, stride] = schedule_;
  std::vector<at::Tensor> states;
  for (const at::Generator& generator : generators_) {
    at::Tensor state = generator.get_state();
    if (noise != LongNoise::random) {
      at::Tensor schedule =
          at::tensor({static_cast<std::int64_t>(noise), length, stride}, at::kLong);
      if (!orders_.empty()) schedule = at::cat({schedule, orders_[states.size()]});
      state = at::cat({state, schedule.view(at::kByte)});
    }
    states.push_back(std::move(state));
  }
  return at::stack(states);
}

FREEINIT_INLINE NoiseSource NoiseSource::from_state(const at::Tensor& state) {
  const at::Generator fresh = at::detail::createCPUGenerator();
  const std::int64_t length = fresh.get_state().numel();
  const std::int64_t more =
      state.defined() && state.dim() == 2 ? state.size(1) - length : std::int64_t{-1};
  constexpr auto kNumber = static_cast<std::int64_t>(sizeof(std::int64_t));
  const bool fits =
      more >= 0 && state.size(0) > 0 && state.scalar_type() == at::kByte &&
      (more == 0 || (more % kNumber == 0 && more / kNumber >= detail::kScheduleNumbers));
  if (!fits) {
    raise(ErrorCode::invalid_argument,
          c10::str("noise source state '", state.defined() ? state.sizes() : at::IntArrayRef{},
                   "': not a generator's; expected uint8 [seeds, ", length, "]"));
  }
  NoiseSource source;
  for (std::int64_t i = 0; i < state.size(0); ++i) {
    at::Generator generator = at::detail::createCPUGenerator();
    // LibTorch reads memory of its own alone.
    generator.set_state(state[i].narrow(0, 0, length).to(at::kCPU).clone());
    source.generators_.push_back(std::move(generator));
    if (more > 0) source.read_schedule(state[i].narrow(0, length, more).to(at::kCPU));
  }
  return source;
}

FREEINIT_INLINE void NoiseSource::read_schedule(const at::Tensor& bytes) {
  const at::Tensor numbers = bytes.clone().view(at::kLong);
  const auto* number = numbers.const_data_ptr<std::int64_t>();
  const at::Tensor order = numbers.slice(0, detail::kScheduleNumbers);
  const auto* frame = order.const_data_ptr<std::int64_t>();
  const bool is_known = number[0] == static_cast<std::int64_t>(LongNoise::repeat_context) ||
                        number[0] == static_cast<std::int64_t>(LongNoise::shuffle_context);
  const auto is_frame = [count = order.numel()](std::int64_t i) { return i >= 0 && i < count; };
  if (!is_known || number[2] < 1 || number[2] > number[1] ||
      !std::all_of(frame, frame + order.numel(), is_frame)) {
    raise(ErrorCode::invalid_argument,
          c10::str(
              "noise source state of '", bytes.numel(),
              "' bytes behind a generator's: no schedule of frames; expected what state() gave"));
  }
  schedule_ = {static_cast<LongNoise>(number[0]), number[1], number[2]};
  if (order.numel() > 0) orders_.push_back(order.clone());
}

}  // namespace freeinit::inline FREEINIT_ABI
