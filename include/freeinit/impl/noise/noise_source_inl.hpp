#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/noise/noise_source.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
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
  if (num_seeds() == 1) {
    return detail::send_noise(at::randn(shape, generators_.front(), dtype), device);
  }

  if (shape.empty() || static_cast<std::size_t>(shape[0]) != num_seeds()) {
    raise(ErrorCode::invalid_argument,
          c10::str("noise shape '", shape,
                   "': first size differs from the number of seeds; expected ", num_seeds()));
  }
  std::vector<std::int64_t> single = shape.vec();
  single[0] = 1;
  std::vector<at::Tensor> parts;
  for (const at::Generator& generator : generators_) {
    parts.push_back(at::randn(single, generator, dtype));
  }
  return detail::send_noise(at::cat(parts), device);
}

FREEINIT_INLINE at::Tensor NoiseSource::state() const {
  detail::check_has_seeds(num_seeds());
  std::vector<at::Tensor> states;
  for (const at::Generator& generator : generators_) states.push_back(generator.get_state());
  return at::stack(states);
}

FREEINIT_INLINE NoiseSource NoiseSource::from_state(const at::Tensor& state) {
  const at::Generator fresh = at::detail::createCPUGenerator();
  const std::int64_t length = fresh.get_state().numel();
  const bool fits = state.defined() && state.dim() == 2 && state.size(0) > 0 &&
                    state.size(1) == length && state.scalar_type() == at::kByte;
  if (!fits) {
    raise(ErrorCode::invalid_argument,
          c10::str("noise source state '", state.defined() ? state.sizes() : at::IntArrayRef{},
                   "': not a generator's; expected uint8 [seeds, ", length, "]"));
  }
  NoiseSource source;
  for (std::int64_t i = 0; i < state.size(0); ++i) {
    at::Generator generator = at::detail::createCPUGenerator();
    generator.set_state(state[i].to(at::kCPU).clone());  // LibTorch reads memory of its own alone
    source.generators_.push_back(std::move(generator));
  }
  return source;
}

}  // namespace freeinit::inline FREEINIT_ABI
