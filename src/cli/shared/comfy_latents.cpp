#include "shared/comfy_latents.hpp"

#include <ATen/ops/empty.h>

namespace freeinit_cli::comfy {

std::map<std::string, at::Tensor> tensors_of(const at::Tensor& latents, double scaling_factor) {
  const at::Tensor frames = latents.squeeze(0).transpose(0, 1).to(at::kFloat).div(scaling_factor);
  return {{kTensor, frames.contiguous()}, {kMarker, at::empty({0})}};
}

}  // namespace freeinit_cli::comfy
