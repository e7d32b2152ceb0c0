#pragma once

#include <freeinit/core/config.hpp>

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <set>
#include <string>

namespace torch::jit {
struct Module;
}

namespace freeinit::inline FREEINIT_ABI {

/// Exchanges operators of a loaded TorchScript network, before it first runs, for others that
/// compute the same: an algorithm, whatever file the network comes from.
using NetworkRewrite = void (*)(torch::jit::Module& network);

/// Where a network comes from, what it must say of itself, and how it is to run.
struct NetworkSource {
  std::filesystem::path file;  ///< an autoencoder, which has two, gets their folder
  /// The JSON object that the file must repeat as its extra file `freeinit.json`; empty: it is not
  /// compared.
  std::string contract{};
  at::Device device = at::kCPU;  ///< where the network is to run
  /// What the caller wants. A traced graph runs in the dtype of its export alone, so anything but
  /// that of its spec is refused.
  std::optional<at::ScalarType> dtype{};
  NetworkRewrite rewrite = nullptr;  ///< null: it runs as it was exported
  /// Operators that the code of a network in TorchScript may use beside those for tensors, by name:
  /// "aten::wait". See `operator_rule`.
  std::set<std::string> allow_operators{};
};

}  // namespace freeinit::inline FREEINIT_ABI
