#pragma once

// A TorchScript network on a CPU with Winograd's convolutions and oneDNN's matrix products. Empty
// where the build leaves it out (FREEINIT_WITH_WINOGRAD).

#ifdef FREEINIT_WITH_WINOGRAD

#include <freeinit/impl/networks/backends/loaders_inl.hpp>
#include <freeinit/impl/networks/backends/winograd_graph_inl.hpp>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE void compute_by_winograd(torch::jit::Module& network) {
  static_cast<void>(use_winograd(network));
}

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI

#endif
