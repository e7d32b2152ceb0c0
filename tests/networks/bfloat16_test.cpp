// What the backend bfloat16 makes of a network, layer by layer.
#include <freeinit/networks/backends/unet_backend.hpp>

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>

#include <string>

namespace bfloat16_test {

using torch::jit::Module;

/// A linear layer, and `product` of what it gives (y) with a table in float32 or with itself.
Module network(const std::string& product) {
  at::manual_seed(7);
  Module module("network");
  module.register_parameter("weight", at::randn({8, 8}), false);
  module.register_parameter("bias", at::randn({8}), false);
  module.register_parameter("table", at::randn({8, 8}), false);
  module.register_parameter("kernel", at::randn({4, 4, 3, 3}), false);
  module.define(
      "def forward(self, x):\n    y = torch.linear(x, self.weight, self.bias)\n    return " +
      product + "\n");
  return module;
}

TEST(Bfloat16, ProductsMayMeetFloat32) {
  const freeinit::UNetBackend& backend = freeinit::unet_backend("bfloat16");
  freeinit::Manifest manifest;
  manifest.unet.dtype = "float32";
  if (backend.operators == nullptr || !backend.refusal(manifest, at::kCPU).empty())
    GTEST_SKIP() << "not in this build, or not on this processor";
  const c10::InferenceMode guard;
  for (const char* const product :
       {"torch.matmul(y, self.table)", "torch.matmul(self.table, y)", "torch.matmul(y, y)",
        "torch.einsum('bqd,dk->bqk', [y, self.table])", "torch.einsum('bqd,bkd->bqk', [y, y])",
        "torch.bmm(y, self.table.expand([4, 8, 8]))",
        "torch.baddbmm(self.table.expand([4, 8, 8]), y, y)",
        "torch.addmm(self.table, y[0], self.table)",
        "torch.conv2d(y.unsqueeze(0), self.kernel, None, [2, 2], [1, 1], [1, 1], 1)",
        "torch.conv2d(y.unsqueeze(0), self.kernel, self.table[0, :4], [2, 2], [1, 1], [1, 1], "
        "1)"}) {
    const at::Tensor input = at::randn({4, 8, 8});
    Module narrow = network(product);
    backend.operators(narrow);
    const at::Tensor found = narrow.forward({input}).toTensor().to(at::kFloat);
    const at::Tensor expected = network(product).forward({input}).toTensor();
    EXPECT_LT(found.sub(expected).abs().max().div(expected.abs().max()).item<double>(), 2e-2)
        << product;
  }
}

}  // namespace bfloat16_test
