#pragma once

#include <freeinit/core/error.hpp>
#include <freeinit/networks/latent_rgb.hpp>

#include <ATen/ops/empty.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <utility>

namespace freeinit::inline FREEINIT_ABI {

FREEINIT_INLINE at::Tensor latents_to_rgb(const at::Tensor& latents, const LatentRgbSpec& map) {
  if (!latents.defined() || !latents.is_floating_point() || latents.dim() != 5 ||
      !std::cmp_equal(latents.size(1), map.factors.size())) {
    raise(ErrorCode::invalid_argument,
          c10::str("latents '", latents.defined() ? latents.sizes() : at::IntArrayRef{},
                   "': expected floating point values of shape [B, ", map.factors.size(),
                   ", F, height, width]"));
  }
  // The last row is the bias: one copy to the device.
  at::Tensor rows = at::empty({latents.size(1) + 1, 3}, at::kFloat);
  auto* number = rows.mutable_data_ptr<float>();
  const auto add = [&number](const std::array<double, 3>& colour) {
    for (const double value : colour) *number++ = static_cast<float>(value);
  };
  std::for_each(map.factors.begin(), map.factors.end(), add);
  add(map.bias);
  rows = rows.to(latents.device());
  return latents.to(at::kFloat)
      .permute({0, 2, 3, 4, 1})
      .matmul(rows.narrow(0, 0, latents.size(1)))
      .add(rows[-1])
      .mul(0.5)
      .add(0.5)
      .clamp(0, 1)
      .to(at::kCPU);
}

}  // namespace freeinit::inline FREEINIT_ABI
