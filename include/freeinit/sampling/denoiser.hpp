#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <functional>

namespace freeinit::inline FREEINIT_ABI {

/// Anything that predicts noise (or whatever the schedule's prediction type says): latents
/// [B,C,F,H,W] at `timestep` in, prediction of the same shape, dtype and device out. Guidance is
/// the denoiser's own business. Between calls the loop writes the next latents to the memory of the
/// last ones, and a denoiser may do so with its prediction: what has to last is cloned.
using Denoiser = std::function<at::Tensor(const at::Tensor& latents, double timestep)>;

}  // namespace freeinit::inline FREEINIT_ABI
