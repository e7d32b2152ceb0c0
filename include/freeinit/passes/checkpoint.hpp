#pragma once

#include <freeinit/core/config.hpp>
#include <freeinit/passes/free_init_state.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace freeinit::inline FREEINIT_ABI {

/// Tensors and texts that belong together, as one `.safetensors` file with a SHA-256 of them all.
struct FREEINIT_API Checkpoint {
  std::map<std::string, at::Tensor> tensors{};  ///< on any device; at most 64
  std::map<std::string, std::string> texts{};   ///< UTF-8

  /// Whole or not at all: where writing fails, the file that was there stays. Throws Error: io,
  /// invalid_argument, unsupported.
  void write(const std::filesystem::path& path) const;

  /// Tensors come to the CPU. Throws Error: not_found, io, invalid_file (damaged, or no
  /// checkpoint).
  [[nodiscard]] static Checkpoint read(const std::filesystem::path& path);
};

/// A state as named tensors, which share its memory.
[[nodiscard]] FREEINIT_API std::map<std::string, at::Tensor> state_to_tensors(
    const FreeInitState& state);

/// The state of `state_to_tensors`, on `device`. Whether it fits a run, `FreeInit::check_state`
/// says. Throws Error: invalid_file for anything else.
[[nodiscard]] FREEINIT_API FreeInitState
state_from_tensors(const std::map<std::string, at::Tensor>& tensors, at::Device device = at::kCPU);

}  // namespace freeinit::inline FREEINIT_ABI

#ifdef FREEINIT_HEADER_ONLY
#include <freeinit/impl/passes/checkpoint_inl.hpp>
#endif
