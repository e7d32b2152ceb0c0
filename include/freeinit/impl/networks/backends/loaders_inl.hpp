#pragma once

// What the table of backends calls: each is defined in a file of its own beside this one.

#include <freeinit/networks/backends/unet_backend.hpp>

#include <memory>
#include <string>

namespace freeinit::inline FREEINIT_ABI {
namespace detail {

FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_torchscript_unet(const NetworkSource& source,
                                                                       const UNetSpec& spec);
FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_openvino_unet(const NetworkSource& source,
                                                                    const UNetSpec& spec);
FREEINIT_INLINE std::unique_ptr<const VideoUNet> load_cuda_graphs_unet(const NetworkSource& source,
                                                                       const UNetSpec& spec);
FREEINIT_INLINE void compute_by_winograd(torch::jit::Module& network);
FREEINIT_INLINE void compute_in_bfloat16(torch::jit::Module& network);
FREEINIT_INLINE bool has_bfloat16_products();
FREEINIT_INLINE std::string version_of_openvino();

}  // namespace detail
}  // namespace freeinit::inline FREEINIT_ABI
