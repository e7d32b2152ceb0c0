#include "networks/tiny_networks.hpp"
#include "support/error_of.hpp"

#include <freeinit/networks/backends/unet_backend.hpp>

#include <ATen/Functions.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

namespace device_memory_test {

/// As a device's allocator ends an operator.
at::Tensor no_memory(const at::Tensor&) {
  TORCH_CHECK_WITH(OutOfMemoryError, false,
                   "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of "
                   "8.00 GiB of which 1.00 GiB is free.");
}

using DeviceMemory = TinyNetworks;

TEST_F(DeviceMemory, ThatRunsOutInANetworkIsOneLine) {
  tiny_bundle::write(folder(), {.unet_source = "def forward(self, latents, timestep, text, fps):\n"
                                               "    return torch.digamma(latents)\n"});
  const auto unet =
      freeinit::load_unet(folder(), manifest(), "torchscript", at::kCPU, {}, {"aten::digamma"});
  torch::Library library(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__, __LINE__);
  library.impl("digamma", no_memory);
  EXPECT_ERROR(model, "out of memory on the device",
               unet->predict({at::ones({1, 4, 3, 4, 4}), 10, at::ones({1, 7, 8})}));
}

}  // namespace device_memory_test
