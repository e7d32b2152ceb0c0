#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/numerics/noise_source.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <c10/util/StringUtil.h>

#include <algorithm>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

/// Noise to its device. To CUDA from pinned memory, so that the host goes on while it is copied;
/// LibTorch keeps pinned memory until the copy is done.
FREEINIT_INLINE at::Tensor send_noise(const at::Tensor& noise, at::Device device) {
  if (!device.is_cuda()) return noise.to(device);
  return noise.pin_memory().to(device, noise.scalar_type(), /*non_blocking=*/true);
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
  if (num_seeds() == 0) {
    raise(ErrorCode::invalid_argument,
          "noise source: moved from; expected one that holds its seeds");
  }
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

}  // namespace freeinit::inline FREEINIT_ABI
