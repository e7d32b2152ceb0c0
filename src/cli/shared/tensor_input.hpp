#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace freeinit_cli {

/// Whether the text of an option names a tensor file: `.safetensors` or `.latent`, with or without
/// `:NAME` behind it.
[[nodiscard]] bool names_tensor_file(const std::string& file);

/// The tensor that `FILE` or `FILE:NAME` names, on the CPU as it is stored; empty tensors, which
/// some programs write as markers, are passed over. Throws freeinit::Error: as load_tensor.
[[nodiscard]] at::Tensor read_tensor(const std::string& file);

/// What the file of `FILE` or `FILE:NAME` says of itself. Throws freeinit::Error: as load_tensor.
[[nodiscard]] std::map<std::string, std::string> read_tensor_metadata(const std::string& file);

/// What is known of latents before they are read.
struct LatentForm {
  std::int64_t channels = 4;
  /// The autoencoder's: ComfyUI's latents are multiplied by it, all others have been.
  double scaling_factor = 0.18215;
};

/// Latents [B,C,F,h,w] of a file, finite floating point values: stored so, or as [C,F,h,w] or
/// [F,C,h,w] where only one of the two can be meant, or as ComfyUI does: [F,C,h,w] under the name
/// `latent_tensor`, not scaled where an empty `latent_format_version_0` stands beside it.
/// Throws freeinit::Error: as load_tensor, invalid_argument, invalid_file.
[[nodiscard]] at::Tensor read_latents(const std::string& file, const LatentForm& form);

/// Refuses what is no finite floating point number, with the name of the file.
void check_values(const at::Tensor& tensor, const std::string& file);

}  // namespace freeinit_cli
