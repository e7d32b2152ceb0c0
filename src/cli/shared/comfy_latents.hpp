#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

/// Latents as ComfyUI's nodes "Save Latent" and "Load Latent" have them: `.latent` files are
/// safetensors of one tensor [F,C,h,w], without the model's scaling factor.
namespace freeinit_cli::comfy {

inline constexpr const char* kExtension = ".latent";
inline constexpr const char* kTensor = "latent_tensor";
inline constexpr const char* kMarker = "latent_format_version_0";  ///< an empty tensor
/// What ComfyUI takes the latents of a file without the marker to be scaled by.
inline constexpr double kScale = 0.18215;

/// The tensors of such a file. `latents`: [1,C,F,h,w], scaled by `scaling_factor`.
[[nodiscard]] std::map<std::string, at::Tensor> tensors_of(const at::Tensor& latents,
                                                           double scaling_factor);

}  // namespace freeinit_cli::comfy
